/** Where images to be fitted come from, one by one. */

import type { FleetImage, FleetRow } from './results.js';

/** An image that is with this process. */
export interface Handed {
  readonly image: FleetImage;
  /** It has ended. @returns whether that counts: else another process has come to its end first. */
  end(row: FleetRow): Promise<boolean>;
}

export interface Standing {
  readonly done: number;
  readonly failed: number;
  readonly all: number;
}

export interface Source {
  /** The next image; undefined at the end of all, or once a signal has come. */
  next(): Promise<Handed | undefined>;
  /** How many of the same size may still come, as far as that is known. */
  left(like: Handed): Promise<number>;
  /** Every row there is, those of other processes and of runs before among them. */
  rows(): Promise<FleetRow[]>;
}

/** The images of this process alone. @param before rows of runs before. */
export function ownImages(
  images: readonly FleetImage[],
  before: readonly FleetRow[],
  stands: (standing: Standing) => void,
): Source {
  const waiting = [...images];
  const rows = [...before];
  const tell = () => {
    const failed = rows.filter(row => row.failed !== '').length;
    stands({ done: rows.length - failed, failed, all: images.length + before.length });
  };
  tell();
  return {
    async next() {
      const image = waiting.shift();
      return (
        image && {
          image,
          async end(row) {
            rows.push(row);
            tell();
            return true;
          },
        }
      );
    },
    left: async ({ image }) => waiting.filter(({ size }) => size === image.size).length,
    rows: async () => rows,
  };
}
