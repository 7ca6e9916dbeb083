package sandbox

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/infinirouter/infinirouter/plugins/meter"
)

// moduleFile is a plugin as it was read.
type moduleFile struct {
	bytes  []byte
	sha256 [sha256.Size]byte
}

// readModule reads a regular file of a size that a plugin may have. Opening
// does not block on a named pipe that someone put there.
func readModule(path string) (*moduleFile, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	limit := int64(meter.DefaultLimits().FileBytes)
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, a plugin may have %d", path, info.Size(), limit)
	}
	// One byte more, because the file may be growing right now.
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than the %d bytes that a plugin may have", path, limit)
	}
	if len(b) == 0 {
		return nil, errors.New(path + " is empty")
	}
	return &moduleFile{bytes: b, sha256: sha256.Sum256(b)}, nil
}
