/** The shapes in which a secret comes back where others quote it: in URLs, forms, JSON, headers and dumps. */

/** Base64 of shorter ones is a few signs that stand in words by chance. */
const LONG_ENOUGH = 8;

/** Base64 of a text wherever in a longer one it stands: what of it does not depend on what stands before and after. */
function base64Of(text: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const own = [Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6)] as const;
    return [bytes.toString('base64').slice(...own), bytes.toString('base64url').slice(...own)];
  });
}

export function formsOf(secret: string): string[] {
  const percent = encodeURIComponent(secret.toWellFormed());
  // As signatures of AWS and others want it, beyond what JavaScript escapes.
  const strict = percent.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const urls = [percent, strict, strict.replace(/%../g, (escape) => escape.toLowerCase()), encodeURIComponent(percent)];
  const form = new URLSearchParams({ _: secret }).toString().slice(2);
  const json = JSON.stringify(secret).slice(1, -1);
  const long = secret.length < LONG_ENOUGH ? [] : [...base64Of(secret), Buffer.from(secret).toString('hex')];
  return [secret, ...urls, form, json, ...long];
}
