package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Assembler is the program that turns text into modules.
const Assembler = "wat2wasm"

// templateFuncs are what a template can use beside what text/template has.
var templateFuncs = template.FuncMap{
	"repeat":    func(n int, s string) string { return strings.Repeat(s, n) },
	"count":     func(n int) []struct{} { return make([]struct{}, n) },
	"functions": func() []abi.Function { return abi.Functions },
	"letter":    func(t abi.Type) string { return typeNames[t] },
}

var typeNames = map[abi.Type]string{abi.I32: "i32", abi.I64: "i64", abi.F64: "f64"}

// Text returns the villain's text, a template's filled in.
func (v *Villain) Text() (string, error) {
	if !v.template {
		return v.text, nil
	}
	t, err := template.New(v.Name).Funcs(templateFuncs).Parse(v.text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := t.Execute(&out, nil); err != nil {
		return "", err
	}
	return out.String(), nil
}

// Module returns the villain's bytes. It runs Assembler, unless the text is
// (module binary ...).
func (v *Villain) Module() ([]byte, error) {
	text, err := v.Text()
	if err != nil {
		return nil, fmt.Errorf("villain %s: %w", v.Name, err)
	}
	module, ok, err := binary(text)
	if !ok && err == nil {
		module, err = Assemble(text)
	}
	if err != nil {
		return nil, fmt.Errorf("villain %s: %w", v.Name, err)
	}
	return module, nil
}

// Assemble turns WebAssembly text into a module.
func Assemble(text string) ([]byte, error) {
	if _, err := exec.LookPath(Assembler); err != nil {
		return nil, fmt.Errorf("%w; it comes with WABT, the WebAssembly Binary Toolkit: apt-get install wabt, brew install wabt", err)
	}
	dir, err := os.MkdirTemp("", "wat-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	in, out := filepath.Join(dir, "in.wat"), filepath.Join(dir, "out.wasm")
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		return nil, err
	}
	// Not checked: much of what is here is wrong on purpose. Names are kept, for
	// stack traces.
	cmd := exec.Command(Assembler, "--no-check", "--debug-names", in, "-o", out)
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", Assembler, err, bytes.TrimSpace(said))
	}
	return os.ReadFile(out)
}

// binary reads (module binary "..." ...) behind comments: ok if text is one.
func binary(text string) (module []byte, ok bool, err error) {
	for strings.HasPrefix(text, ";;") {
		_, text, _ = strings.Cut(text, "\n")
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "(module binary")
	if !ok {
		return nil, false, nil
	}
	for {
		var between string
		between, rest, _ = strings.Cut(rest, `"`)
		if rest == "" && strings.HasSuffix(strings.TrimSpace(between), ")") {
			return module, true, nil
		}
		end := strings.IndexByte(rest, '"')
		if end < 0 {
			return nil, true, errors.New("a string without an end")
		}
		if module, err = unescape(module, rest[:end]); err != nil {
			return nil, true, err
		}
		rest = rest[end+1:]
	}
}

// unescape appends a string of WebAssembly text, of which \hh is all that is
// needed here.
func unescape(out []byte, s string) ([]byte, error) {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return nil, fmt.Errorf("escape without two digits in %q", s)
		}
		b, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return nil, fmt.Errorf("escape in %q: %w", s, err)
		}
		out = append(out, byte(b))
		i += 2
	}
	return out, nil
}
