package sandbox

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/infinirouter/infinirouter/plugins/meter"
)

// moduleFile is a plugin as it was read.
type moduleFile struct {
	bytes  []byte
	sha256 [sha256.Size]byte
}

const (
	// mtimeStep is how far apart two writes must be for their times to differ, with
	// room to spare: kernels take the time of their last tick.
	mtimeStep = 20 * time.Millisecond
	// readTries is how often a file is read that changes meanwhile.
	readTries = 5
)

// errChanging is for a file of which two halves may never have been one file.
var errChanging = errors.New("it kept changing while it was read")

// readModule reads a regular file of a size that a plugin may have, as it was at
// one moment. Where folder is given, the file must be in it, after symbolic
// links.
func readModule(path, folder string) (*moduleFile, error) {
	for range readTries {
		file, err := readOnce(path, folder)
		if !errors.Is(err, errChanging) {
			return file, err
		}
	}
	return nil, fmt.Errorf("%s: %w", path, errChanging)
}

func readOnce(path, folder string) (*moduleFile, error) {
	f, err := openModule(path, folder)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readStill(f, path)
}

// readStill reads a file and looks whether it stood still meanwhile.
func readStill(f fs.File, path string) (*moduleFile, error) {
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	limit := int64(meter.DefaultLimits().FileBytes)
	if before.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, a plugin may have %d", path, before.Size(), limit)
	}
	if age := time.Since(before.ModTime()); age >= 0 && age < mtimeStep {
		time.Sleep(mtimeStep - age) // then a write that follows has another time
	}
	// One byte more, because the file may be growing right now.
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	after, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) != before.Size() || !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size():
		return nil, errChanging
	case len(b) == 0:
		return nil, errors.New(path + " is empty")
	}
	return &moduleFile{bytes: b, sha256: sha256.Sum256(b)}, nil
}

// openModule opens the file. That does not block on a named pipe which someone
// put there.
func openModule(path, folder string) (*os.File, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	if folder == "" {
		return os.OpenFile(path, flags, 0)
	}
	name, err := filepath.Rel(folder, path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(name, flags, 0)
	var e *fs.PathError
	if !errors.As(err, &e) {
		return f, err
	}
	if _, there := os.Stat(path); there == nil && !errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%s is a link that leads out of %s: name a plugin elsewhere by its absolute path", path, folder)
	}
	return nil, fmt.Errorf("%s: %w", path, e.Err)
}
