package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/meter"
	"github.com/infinirouter/infinirouter/plugins/native"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// modules are what a plugin may import, by module and name.
var modules = map[string]map[string]abi.Function{
	abi.ImportModule:  byName(abi.Functions),
	native.WASIModule: byName(native.WASIFunctions()),
}

func byName(functions []abi.Function) map[string]abi.Function {
	m := make(map[string]abi.Function, len(functions))
	for _, f := range functions {
		m[f.Name] = f
	}
	return m
}

// checked is what is known of a module that was held against the ABI.
type checked struct {
	hooks     plugins.HookSet
	hookFound []HookExport
	imports   []ImportUse
	problems  []string // why it is refused, every reason
}

// checkModule holds what a module imports and exports against the ABI.
func checkModule(info *meter.Info) *checked {
	c := &checked{}
	for i := range info.Imports {
		c.checkImport(&info.Imports[i])
	}
	c.checkExports(info)
	return c
}

func (c *checked) refuse(format string, args ...any) string {
	p := fmt.Sprintf(format, args...)
	c.problems = append(c.problems, p)
	return p
}

func (c *checked) checkImport(im *meter.Import) {
	module, name := printable(im.Module), printable(im.Name)
	use := ImportUse{Module: module, Name: name, Kind: im.Kind.String()}
	defer func() { c.imports = append(c.imports, use) }()

	functions, known := modules[im.Module]
	if !known {
		use.Problem = c.refuse("it imports %s %s.%s: a plugin may import functions of %s and %s only",
			im.Kind, module, name, abi.ImportModule, native.WASIModule)
		return
	}
	if im.Kind != meter.KindFunction {
		use.Problem = c.refuse("it imports %s.%s as a %s: a plugin may import functions only", module, name, im.Kind)
		return
	}
	use.Signature = signature(im.Params, im.Results)
	want, ok := functions[im.Name]
	if !ok {
		hint := ""
		if near := nearest(im.Name, names(functions)); near != "" {
			hint = fmt.Sprintf(" (did you mean %s, %s?)", near, functionSignature(functions[near]))
		}
		use.Problem = c.refuse("it imports %s.%s %s, and there is no such function%s", module, name, use.Signature, hint)
		return
	}
	if expected := functionSignature(want); use.Signature != expected {
		use.Problem = c.refuse("it imports %s.%s as %s, expected %s", module, name, use.Signature, expected)
		return
	}
	use.Grant, use.NeedsGrant = grantOf(want)
}

// grantOf names the grant that opens a function, or more of it.
func grantOf(f abi.Function) (grant string, always bool) {
	switch {
	case f.Grant != 0:
		for name, g := range abi.GrantNames {
			if g == f.Grant {
				return name, true
			}
		}
	case strings.HasPrefix(f.Name, "json_"):
		return "content", false
	case strings.HasPrefix(f.Name, "header_"):
		return "credentials", false
	}
	return "", false
}

const hookSignature = "() -> i32"

func (c *checked) checkExports(info *meter.Info) {
	exports := make(map[string]meter.Export, len(info.Exports))
	for _, e := range info.Exports {
		exports[e.Name] = e
	}
	if m, ok := exports[abi.ExportMemory]; !ok {
		c.refuse("it exports no memory, expected a memory named %q", abi.ExportMemory)
	} else if m.Kind != meter.KindMemory {
		c.refuse("it exports %q as a %s, expected a memory", abi.ExportMemory, m.Kind)
	}
	c.checkFunction(exports, abi.ExportInitialize, "() -> ()")
	c.checkFunction(exports, abi.ExportConfigure, hookSignature)
	found := 0
	for h := range abi.Hook(abi.HookCount) {
		if _, ok := exports[h.String()]; !ok {
			continue
		}
		found++
		got, problem := c.checkFunction(exports, h.String(), hookSignature)
		c.hookFound = append(c.hookFound, HookExport{Name: h.String(), Signature: got, Problem: problem})
		if problem == "" {
			c.hooks = c.hooks.With(h)
		}
	}
	if found == 0 {
		c.refuse("it exports no hook, expected at least one of %s, each %s%s",
			strings.Join(hookNames(), ", "), hookSignature, hookHint(info, exports))
	}
}

// checkFunction returns the signature of the export, "" if there is none, and
// what is wrong with it.
func (c *checked) checkFunction(exports map[string]meter.Export, name, want string) (got, problem string) {
	e, ok := exports[name]
	if !ok {
		return "", ""
	}
	if e.Kind != meter.KindFunction {
		return e.Kind.String(), c.refuse("it exports %s as a %s, expected a function %s", name, e.Kind, want)
	}
	if got = signature(e.Params, e.Results); got != want {
		return got, c.refuse("it exports %s as %s, expected %s", name, got, want)
	}
	return got, ""
}

// hookHint guesses how a module came to have no hook.
func hookHint(info *meter.Info, exports map[string]meter.Export) string {
	for _, e := range info.Exports {
		if near := nearest(strings.ToLower(e.Name), hookNames()); near != "" && e.Kind == meter.KindFunction {
			return fmt.Sprintf(" (it exports %s: did you mean %s?)", printable(e.Name), near)
		}
	}
	if _, ok := exports["_start"]; ok {
		return " (it is a program, with _start; build it as a library: Go -buildmode=c-shared, Rust crate-type cdylib, C -mexec-model=reactor)"
	}
	return ""
}

func hookNames() []string {
	out := make([]string, abi.HookCount)
	for i := range out {
		out[i] = abi.Hook(i).String()
	}
	return out
}

func names(functions map[string]abi.Function) []string {
	out := make([]string, 0, len(functions))
	for name := range functions {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func functionSignature(f abi.Function) string {
	return signature(typeBytes(f.Params), typeBytes(f.Results))
}

func typeBytes(types []abi.Type) []byte {
	out := make([]byte, len(types))
	for i, t := range types {
		out[i] = byte(t)
	}
	return out
}

// signature writes a function type as "(i32, i64) -> f64".
func signature(params, results []byte) string {
	if len(results) == 1 {
		return "(" + typeList(params) + ") -> " + typeList(results)
	}
	return "(" + typeList(params) + ") -> (" + typeList(results) + ")"
}

func typeList(types []byte) string {
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = typeName(t)
	}
	return strings.Join(out, ", ")
}

func typeName(t byte) string {
	switch t {
	case byte(abi.I32):
		return "i32"
	case byte(abi.I64):
		return "i64"
	case 0x7d:
		return "f32"
	case byte(abi.F64):
		return "f64"
	case 0x7b:
		return "v128"
	default:
		return fmt.Sprintf("type 0x%02x", t)
	}
}

// printable returns a name from a module as one short, harmless line.
func printable(name string) string { return native.OneLine([]byte(name), 100) }
