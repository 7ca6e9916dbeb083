package hostile

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

//go:embed *.wat *.wat.tmpl
var files embed.FS

// OK is the outcome of a hook that returns as the ABI asks it to.
const OK = "ok"

// Villain is one hostile plugin and what must become of it.
type Villain struct {
	Name  string // of the file, without its extensions
	Story string // the comment, in one line

	// Refused is part of the reason for which it is not loaded; "" when it must
	// load. (";;! refused: TEXT")
	Refused string
	// Outcomes are what a call of a hook may come to: OK, or kinds of failure as
	// plugins.FailureKind spells them. Hooks that are not in it are not called.
	// (";;! on_request: fuel trap")
	Outcomes map[abi.Hook][]string
	// Reason is part of every failure's reason. (";;! reason: TEXT")
	Reason string
	// Grants it is given. (";;! grants: kv content")
	Grants []string

	// CPU and Memory bound what a process may need to load it and to call it a
	// hundred times from four sides: processor time, and bytes beyond what it
	// needs for a plugin that does nothing. (";;! cpu: 2s", ";;! memory: 64MiB")
	CPU    time.Duration
	Memory int64

	text     string
	template bool
}

const (
	defaultCPU    = 2 * time.Second
	defaultMemory = 32 << 20
)

// All returns every villain, by name.
func All() ([]*Villain, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	var out []*Villain
	for _, e := range entries {
		text, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return nil, err
		}
		v, err := Parse(e.Name(), string(text))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Parse reads a villain's file.
func Parse(file, text string) (*Villain, error) {
	name, template := strings.CutSuffix(file, ".tmpl")
	name, ok := strings.CutSuffix(name, ".wat")
	if !ok {
		return nil, fmt.Errorf("%s is neither .wat nor .wat.tmpl", file)
	}
	v := &Villain{
		Name: name, Outcomes: map[abi.Hook][]string{}, CPU: defaultCPU, Memory: defaultMemory,
		text: text, template: template,
	}
	for n, line := range strings.Split(text, "\n") {
		line, ok := strings.CutPrefix(line, ";;")
		if !ok {
			break
		}
		directive, ok := strings.CutPrefix(line, "!")
		if !ok {
			v.Story = strings.TrimSpace(v.Story + " " + strings.TrimSpace(line))
			continue
		}
		if err := v.directive(directive); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n+1, err)
		}
	}
	switch {
	case v.Story == "":
		return nil, fmt.Errorf("%s does not say what it does", file)
	case (v.Refused == "") == (len(v.Outcomes) == 0):
		return nil, fmt.Errorf("%s says neither why it is refused nor how its hooks end, or both", file)
	}
	return v, nil
}

func (v *Villain) directive(line string) (err error) {
	key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
	value = strings.TrimSpace(value)
	switch key {
	case "refused":
		v.Refused = value
	case "reason":
		v.Reason = value
	case "grants":
		v.Grants = strings.Fields(value)
	case "cpu":
		v.CPU, err = time.ParseDuration(value)
	case "memory":
		var mib int64
		mib, err = strconv.ParseInt(strings.TrimSuffix(value, "MiB"), 10, 64)
		v.Memory = mib << 20
	default:
		for h := range abi.Hook(abi.HookCount) {
			if h.String() == key {
				v.Outcomes[h] = strings.Fields(value)
				return nil
			}
		}
		return fmt.Errorf("unknown directive %q", key)
	}
	return err
}
