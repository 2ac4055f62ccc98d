/**
 * Whether the system has a Vulkan driver at all, found out as the Vulkan loader does: from the manifests in its folders.
 * Dawn, asked where there is none, prints four lines on the process's stderr for each time that it looks, and has no
 * switch against it; what is known beforehand need not be asked.
 */

import { readdirSync, statSync } from 'node:fs';
import { constants as systemConstants } from 'node:os';
import { join } from 'node:path';
import type { SystemDrivers } from '../device/dawn.js';
import { spelled } from '../host/checks.js';

/** The Vulkan loader's own name of itself, by which Dawn looks for it. */
const loaderName = 'libvulkan.so.1';
/** Beyond the loader's defaults: where it is built for other folders, as in NixOS and Flatpak. */
const otherFolders = ['/usr/local/etc', '/run/opengl-driver/share', '/usr/lib/x86_64-linux-gnu/GL'];

export const systemDrivers: SystemDrivers = {
  missing() {
    if (process.platform !== 'linux') return undefined;
    const variable = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].find(name => process.env[name]);
    const places = variable
      ? listOf(process.env[variable])
      : [...listOf(process.env.VK_ADD_DRIVER_FILES), ...manifestFolders()];
    if (places.some(holdsManifest)) return undefined;
    if (variable) return `${variable}: ${spelled(process.env[variable])}: no driver is there`;
    return 'no Vulkan driver in /usr/share/vulkan/icd.d, nor elsewhere';
  },

  hasLoader() {
    if (process.platform !== 'linux') return true;
    try {
      process.dlopen({ exports: {} }, loaderName, systemConstants.dlopen.RTLD_LAZY);
      return true;
    } catch (error) {
      // Node expects an addon, and says so of a library that it could load.
      return /did not self-register/.test(String(error));
    }
  },
};

/** Where the loader looks, as its document LoaderDriverInterface lists it, its defaults beside what takes their place. */
function manifestFolders(): string[] {
  const { HOME, XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = process.env;
  // A user may have no home.
  const atHome = (folder: string) => (HOME ? [join(HOME, folder)] : []);
  const roots = [
    ...(XDG_CONFIG_HOME ? [XDG_CONFIG_HOME] : atHome('.config')),
    ...listOf(XDG_CONFIG_DIRS),
    '/etc/xdg',
    '/etc',
    ...(XDG_DATA_HOME ? [XDG_DATA_HOME] : atHome(join('.local', 'share'))),
    ...listOf(XDG_DATA_DIRS),
    '/usr/local/share',
    '/usr/share',
    ...otherFolders,
  ];
  return roots.map(root => join(root, 'vulkan', 'icd.d'));
}

function listOf(paths = ''): string[] {
  return paths.split(':').filter(path => path !== '');
}

/** Whether a path is a manifest, or a folder of some. */
function holdsManifest(path: string): boolean {
  try {
    return statSync(path).isDirectory() ? readdirSync(path).some(name => name.endsWith('.json')) : true;
  } catch {
    return false; // what cannot be read the loader does not read either
  }
}
