/** Makes a picture of 200 x 200 pixels out of whatever was uploaded as one. */
import sharp, { type Sharp } from 'sharp';

const SIDE = 200;
// A file of 2 MB can announce pixels by the billion: more than a camera makes is refused before any is decoded.
const MOST_PIXELS = 50_000_000;
const MOST_SECONDS = 10;

const FORMATS = {
  'image/jpeg': { format: 'jpeg', extension: 'jpg' },
  'image/png': { format: 'png', extension: 'png' },
  'image/webp': { format: 'webp', extension: 'webp' },
  'image/gif': { format: 'gif', extension: 'gif' },
} as const;

export type AvatarType = keyof typeof FORMATS;

export const AVATAR_TYPES = Object.keys(FORMATS) as AvatarType[];

export function extensionOf(type: AvatarType): string {
  return FORMATS[type].extension;
}

/** Bytes of a picture in, bytes of the avatar out: the first frame, turned upright, without EXIF (place, camera). */
export function avatarResizer(type: AvatarType): Sharp {
  return sharp({ limitInputPixels: MOST_PIXELS, pages: 1, failOn: 'error' })
    .autoOrient()
    .resize(SIDE, SIDE, { fit: 'cover' })
    .toFormat(FORMATS[type].format)
    .timeout({ seconds: MOST_SECONDS });
}
