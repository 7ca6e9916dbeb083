package sandbox

import (
	"context"
	"encoding/hex"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/meter"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Report is what `policy inspect` shows of a plugin.
type Report struct {
	Path       string       `json:"path"`
	SHA256     string       `json:"sha256"`
	Size       int64        `json:"size"`
	Hooks      []HookExport `json:"hooks"`
	Imports    []ImportUse  `json:"imports"`
	Configure  bool         `json:"configure"`  // it reads a config
	Initialize bool         `json:"initialize"` // it has a language runtime to start
	Functions  int          `json:"functions"`  // that it defines
	MemoryMin  int64        `json:"memory_min"` // bytes that an instance starts with
	MemoryMax  int64        `json:"memory_max"` // bytes that it may grow to, 0: as far as policies.limits.memory
	Problems   []string     `json:"problems"`   // why it is refused
	OK         bool         `json:"ok"`
}

// HookExport is an export with a hook's name.
type HookExport struct {
	Name      string `json:"name"`
	Signature string `json:"signature"`
	Problem   string `json:"problem,omitempty"`
}

// ImportUse is one import, and the grant that it is about: one that it always
// needs, or one that opens more of it (json_get reads a model without a grant,
// and messages with `content`).
type ImportUse struct {
	Module     string `json:"module"`
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Signature  string `json:"signature"`
	Grant      string `json:"grant,omitempty"`
	NeedsGrant bool   `json:"needs_grant,omitempty"`
	Problem    string `json:"problem,omitempty"`
}

const pageSize = 64 << 10

// Inspect says what a plugin is and whether it would be loaded, as far as that
// can be said without running it: it is compiled too. An error means that the
// file could not be read.
func (l *Loader) Inspect(path string) (*Report, error) {
	file, err := readModule(path, "")
	if err != nil {
		return nil, err
	}
	r := &Report{Path: path, SHA256: hex.EncodeToString(file.sha256[:]), Size: int64(len(file.bytes))}
	info, err := meter.Inspect(file.bytes, meterLimits())
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
		return r, nil
	}
	c := checkModule(info)
	r.Hooks, r.Imports, r.Problems = c.hookFound, c.imports, c.problems
	r.Functions = info.Functions
	r.MemoryMin = int64(info.MemoryMin) * pageSize
	if info.HasMax {
		r.MemoryMax = int64(info.MemoryMax) * pageSize
	}
	for _, e := range info.Exports {
		r.Configure = r.Configure || e.Name == abi.ExportConfigure
		r.Initialize = r.Initialize || e.Name == abi.ExportInitialize
	}
	if len(r.Problems) == 0 {
		if problem := l.tryCompile(file, info); problem != "" {
			r.Problems = append(r.Problems, problem)
		}
	}
	r.OK = len(r.Problems) == 0
	return r, nil
}

// tryCompile compiles a module as a policy with default limits would.
func (l *Loader) tryCompile(file *moduleFile, info *meter.Info) string {
	p, err := l.program(context.Background(), file)
	if err != nil {
		return err.Error()
	}
	l.releaseProgram(p)
	if err := fitsMemory(info, plugins.DefaultLimits().Memory); err != nil {
		return err.Error() + ": a policy that uses it must set that"
	}
	return ""
}
