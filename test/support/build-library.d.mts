/** Where the compiled library is. */
export const builtLibrary: URL;
export default function buildLibrary(): Promise<void>;
