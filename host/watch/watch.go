// Package watch tells when files have changed and come to rest: router.toml
// and the plugins beside it. It looks at folders, not files, so that a file
// that is replaced by a rename, by an editor or by a mounted volume's symlink
// is seen; and it waits until a half-written file stands still.
package watch

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Settle is how long files must stand still before a change is told, and
// longest bounds that wait: a file that never rests is told of all the same.
const (
	Settle  = 200 * time.Millisecond
	longest = 1500 * time.Millisecond
)

// Files says which files matter now: Names one by one, and every file in Dir
// with the extension Ext. They need not exist.
type Files struct {
	Names []string
	Dir   string
	Ext   string
}

// all lists the files by name, those that are in Dir now included.
func (f Files) all() []string {
	names := slices.Clone(f.Names)
	if f.Dir == "" {
		return names
	}
	entries, _ := os.ReadDir(f.Dir)
	for _, e := range entries {
		if filepath.Ext(e.Name()) == f.Ext {
			names = append(names, filepath.Join(f.Dir, e.Name()))
		}
	}
	return names
}

// Marks are how files stood at a look, by name.
type Marks map[string]mark

// Run calls changed after any of the files has changed from how it stood at
// the look since, until ctx ends. So a look before the files were read loses no
// change. files is asked again after each change. changed runs on Run's
// goroutine. An error means that the folders cannot be watched.
func Run(ctx context.Context, files func() Files, since Marks, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching files: %w", err)
	}
	defer func() { _ = w.Close() }()
	if err := follow(w, files()); err != nil {
		return err
	}
	seen := since
	for first := true; ; first = false {
		if !first || maps.Equal(Look(files()), seen) {
			select {
			case <-ctx.Done():
				return nil
			case <-w.Errors: // an overflow: look, as for any event
			case <-w.Events:
			}
		}
		now, ok := settled(ctx, w, files)
		if !ok {
			return nil
		}
		if maps.Equal(now, seen) {
			continue
		}
		seen = now
		changed()
		if err := follow(w, files()); err != nil {
			return err
		}
	}
}

// follow watches the folders of files, and those that their symlinks lead to,
// and drops those of files before.
func follow(w *fsnotify.Watcher, files Files) error {
	dirs := map[string]bool{}
	for _, name := range files.all() {
		dirs[filepath.Dir(name)] = true
		if target, err := filepath.EvalSymlinks(name); err == nil {
			dirs[filepath.Dir(target)] = true
		}
	}
	if files.Dir != "" {
		dirs[files.Dir] = true
	}
	for _, dir := range w.WatchList() {
		if !dirs[dir] {
			_ = w.Remove(dir)
		}
	}
	for dir := range dirs {
		if slices.Contains(w.WatchList(), dir) {
			continue
		}
		if err := w.Add(dir); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("watching %s: %w", dir, err)
		}
	}
	return nil
}

// settled waits until the files are the same at two looks, Settle apart, and
// drains the events that come meanwhile.
func settled(ctx context.Context, w *fsnotify.Watcher, files func() Files) (Marks, bool) {
	before := Look(files())
	for waited := time.Duration(0); ; waited += Settle {
		timer := time.NewTimer(Settle)
		for still := false; !still; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil, false
			case <-w.Events:
			case <-w.Errors:
			case <-timer.C:
				still = true
			}
		}
		now := Look(files())
		if maps.Equal(now, before) || waited >= longest {
			return now, true
		}
		before = now
	}
}

// mark is what tells a file from the one that stood there before.
type mark struct {
	size    int64
	changed time.Time
	inode   uint64
}

// Look notes how files stand now. Files that are not there have no mark.
func Look(files Files) Marks {
	names := files.all()
	marks := make(Marks, len(names))
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			continue
		}
		marks[name] = mark{size: info.Size(), changed: info.ModTime(), inode: inode(info)}
	}
	return marks
}
