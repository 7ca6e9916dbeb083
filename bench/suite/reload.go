package suite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/infinirouter/infinirouter/bench/report"
)

// runReload puts load on a router while the module of a policy is replaced.
func (b *bench) runReload(ctx context.Context, m *measurement) error {
	dir, err := os.MkdirTemp("", "bench-plugins-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, os.DirFS(b.Programs.Plugins)); err != nil {
		return err
	}
	own := *b
	own.Programs.Plugins = dir
	targets, err := own.start(ctx, m.targets, b.service)
	if err != nil {
		return err
	}
	defer stopAll(targets)
	for _, t := range targets {
		if err := b.rounds(ctx, m, []string{t.name}, func(string) (report.Round, error) { return b.reload(ctx, m, t, dir) }); err != nil {
			return err
		}
	}
	return nil
}

// replaced is the plugin that changes.
const replaced = "alias.wasm"

func (b *bench) reload(ctx context.Context, m *measurement, t *target, dir string) (report.Round, error) {
	before, err := generationOf(ctx, t.url)
	if err != nil {
		return report.Round{}, err
	}
	swapping, stop := context.WithCancel(ctx)
	swapped := make(chan error, 1)
	go func() { swapped <- replaceEvery(swapping, filepath.Join(dir, replaced), time.Duration(m.c.Every)) }()
	r, err := b.load(ctx, t, b.job(m, t), watch{})
	stop()
	if err = errors.Join(err, <-swapped); err != nil {
		return r, err
	}
	after, err := generationOf(ctx, t.url)
	if err != nil {
		return r, err
	}
	r.Values["reloads"] = float64(after - before)
	if m.c.Every > 0 && after == before {
		return r, errors.New("its module was replaced and it took no notice")
	}
	return r, nil
}

// generationOf asks a router which generation it is in.
func generationOf(ctx context.Context, url string) (int64, error) {
	var page struct {
		Generation int64 `json:"generation"`
	}
	return page.Generation, getJSON(ctx, url+"/policies", &page)
}

// replaceEvery puts another build of a module in the place of the one at path,
// again and again; never for 0.
func replaceEvery(ctx context.Context, path string, every time.Duration) error {
	if every == 0 {
		return nil
	}
	module, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	turns := time.NewTicker(every)
	defer turns.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-turns.C:
			next := path + ".next"
			if err := os.WriteFile(next, rebuilt(module, fmt.Sprint(now.UnixNano())), 0o600); err != nil {
				return err
			}
			if err := os.Rename(next, path); err != nil {
				return err
			}
		}
	}
}

// rebuilt returns a module that does the same and has other bytes: one more
// custom section at its end.
func rebuilt(module []byte, mark string) []byte {
	const name = "rebuilt"
	content := append([]byte{byte(len(name))}, name...)
	content = append(content, mark...)
	section := binary.AppendUvarint([]byte{0}, uint64(len(content))) // 0: custom
	return append(append(bytes.Clone(module), section...), content...)
}
