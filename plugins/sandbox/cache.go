package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const cacheKnob = "plugins.cache_dir"

// openCacheDir returns the folder for compiled code, created if need be.
//
// What lies there is machine code that the router runs, guarded by a checksum
// and nothing else. So the folder must be ours and closed to everyone else; one
// that is not is refused, not repaired: someone may already have been there.
func openCacheDir(dir string) (string, error) {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder for compiled plugins: %w; set %s", err, cacheKnob)
		}
		dir = filepath.Join(user, "infinirouter")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("folder for compiled plugins: %w (%s)", err, cacheKnob)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("folder for compiled plugins: %w (%s)", err, cacheKnob)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s (%s) is not a folder", dir, cacheKnob)
	}
	if err := onlyOurs(info); err != nil {
		return "", fmt.Errorf("%s (%s) holds machine code that the router runs, but %w", dir, cacheKnob, err)
	}
	return dir, nil
}

// cacheBytes is what compiled code may take on disk: a few hundred Go guests.
// Nothing else takes out what is not used any more.
const cacheBytes = 1 << 30

// trimCache deletes compiled code, what was compiled longest ago first, until
// the rest is within limit. Whoever still uses it compiles again, once.
func trimCache(dir string, limit int64) error {
	if dir == "" {
		return nil // it is in memory
	}
	type entry struct {
		path string
		fs.FileInfo
	}
	var all []entry
	total := int64(0)
	paths, err := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
	for _, path := range paths {
		info, statErr := os.Lstat(path)
		if statErr != nil { // another router has taken it out
			continue
		}
		all = append(all, entry{path, info})
		total += info.Size()
	}
	slices.SortFunc(all, func(a, b entry) int { return a.ModTime().Compare(b.ModTime()) })
	for _, e := range all {
		if total <= limit {
			break
		}
		total -= e.Size()
		if rmErr := os.Remove(e.path); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}
	return err
}

// purgeCache deletes the compiled code in dir. Whoever uses it compiles again.
func purgeCache(dir string) error {
	versions, err := filepath.Glob(filepath.Join(dir, "wazero-*"))
	for _, v := range versions {
		err = errors.Join(err, os.RemoveAll(v))
	}
	// wazero makes this folder when the cache is opened, not when it writes.
	for _, v := range versions {
		if mkErr := os.Mkdir(v, 0o700); mkErr != nil && !errors.Is(mkErr, fs.ErrExist) {
			err = errors.Join(err, mkErr)
		}
	}
	return err
}
