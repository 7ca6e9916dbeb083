package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func noEnv(string) (string, bool) { return "", false }

func FuzzParse(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(find(splitArchive(data), "router.toml"))
	}
	f.Add([]byte("'a'.\"\\u00e9\\x41\" = '''x''''\nb=\"\"\"\"\"\\\"\"\"\"\"\"\n[[c]]\n[c.d]\n[[c]]\n[c.d.e]\nf=[[],[{g.h=1}]]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("router.toml", data, noEnv)
		if c == nil && err == nil {
			t.Fatal("no config and no error")
		}
		var all Errors
		if err != nil && (!errors.As(err, &all) || len(all) == 0) {
			t.Fatalf("%T: %v", err, err)
		}
		if c != nil {
			for i := range c.Policies {
				all = append(all, c.PolicyError(i, io.EOF))
			}
		}
		for _, e := range all {
			if e.Line < 0 || e.Line > strings.Count(string(data), "\n")+1 || e.Column > len(data)+1 {
				t.Fatalf("%v is outside of the file", e)
			}
		}
		text := strings.TrimPrefix(string(data), "\ufeff")
		if root, deep := locate(text); deep == 0 {
			if values, err := decode(text); err == nil {
				located(t, root, values)
			}
		}
	})
}

// located checks that every key and entry that the TOML library found has a
// node, and the other way round.
func located(t *testing.T, n *node, v any) {
	t.Helper()
	if n == nil || n.key == 0 || n.value == 0 {
		t.Fatalf("no place for %v", v)
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) != len(n.fields) {
			t.Fatalf("%d keys, %d places", len(v), len(n.fields))
		}
		for name := range v {
			located(t, n.field(name), v[name])
		}
	case []any:
		if len(v) != len(n.items) {
			t.Fatalf("%d entries, %d places", len(v), len(n.items))
		}
		for i := range v {
			located(t, n.item(i), v[i])
		}
	case []map[string]any:
		if len(v) != len(n.items) {
			t.Fatalf("%d tables, %d places", len(v), len(n.items))
		}
		for i := range v {
			located(t, n.item(i), v[i])
		}
	}
}

// TestSecrets: whatever is wrong with a file, no message shows a secret.
func TestSecrets(t *testing.T) {
	const secret = "hunter2"
	env := func(string) (string, bool) { return "bad " + secret + "\n", true }
	for _, bad := range []string{
		`api_key = hunter2`, `api_key = "hunter2`, `api_key = 'hunter2`, `api_key = "\qhunter2"`,
		`api_key = """hunter2`, `api_key = [hunter2]`, `api_key = { a = hunter2 }`, `api_key.a = hunter2`,
		`"api_key" = hunter2`, `api_key = ["hunter2"]`, `api_key = "hunter2 "`, `api_key = "${hunter2}"` + "\nurl = 5",
		`api_key = "hunter2" junk`, `api_key = "${X}"`, `apikey = "hunter2"`, `url = hunter2`, `url = "hunter2"`,
		`url = "http://a:hunter2@b"`, `url = "http://a:hun/hunter2@b:x"`, `url = "http://b:hunter2"`, `url = "http://b/?k=hunter2"`,
		`url = "http://${X}"`, `url = "${X}://b"`, `url = "hunter2:8000"`, `url = "http://[hunter2"`, `url = "http://%zzhunter2"`,
	} {
		for _, file := range []string{
			"[[services]]\nname = \"a\"\n" + bad + "\n",
			"services = [{ " + bad + " }]\n",
			"[[api_keys]]\nid = \"a\"\n" + strings.ReplaceAll(bad, "api_key", "key") + "\n",
		} {
			_, err := Parse("router.toml", []byte(file), env)
			if err == nil {
				t.Errorf("%q was accepted", file)
				continue
			}
			shown := strings.ReplaceAll(err.Error(), "${"+secret+"}", "")
			if strings.Contains(bad, "${hunter2}") { // a variable's name is no secret
				shown = strings.ReplaceAll(shown, "variable "+secret, "")
			}
			if strings.Contains(shown, secret) {
				t.Errorf("%q: %v", file, err)
			}
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "router.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a folder was read")
	}
	write(strings.Repeat("#", maxFile+1))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("too large: %v", err)
	}
	t.Setenv("ROUTER_TEST_KEY", "sk-1")
	write("[plugins]\ndir = \"x\"\n[[api_keys]]\nid = \"a\"\nkey = \"${ROUTER_TEST_KEY}\"")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.File != path || c.Plugins.Dir != filepath.Join(dir, "x") || c.APIKeys[0].Key != "sk-1" {
		t.Errorf("loaded %+v", c)
	}
}

func TestErrors(t *testing.T) {
	_, err := Parse("r.toml", []byte("b = 1\n[server]\nlisten = 1"), noEnv)
	var one Error
	if !errors.As(err, &one) || one.Line != 1 || one.Key != "b" {
		t.Errorf("the first is %+v", one)
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 2 {
		t.Errorf("%q", lines)
	}
}

// TestPoliciesBesideErrors: a Config beside Errors has the policies that nothing
// is wrong with, each with its place, however they are written.
func TestPoliciesBesideErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "router.toml")
	if err := os.WriteFile(filepath.Join(dir, "p.wasm"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{"[plugins]\ndir = \".\"\n[[policies]]\nname = \"a\"\nplugin = \"p.wasm\"\n[policies.limits]\nfuel = 0\n[[policies]]\nname = \"b\"\nplugin = \"p.wasm\"\n[[policies]]\nplugin = \"p.wasm\"", "b 10:10"},
		{"[x]\n[plugins]\ndir = \".\"\n[[policies]]\nname = \"a\"\nplugin = \"p.wasm\"\n[[policies]]\nname = \"a\"\nplugin = \"p.wasm\"", "a 6:10"},
		{"x = 1\nplugins = { dir = \".\" }\npolicies = [{ name = \"a\", plugin = \"p.wasm\" },\n { name = \"b\", plugin = 1 }, { name = \"c\", plugin = \"p.wasm\" }]", "a 3:36 c 4:53"},
		{"x = 1\npolicies = 3", ""},
		{"x = 1\n[policies]\nname = \"a\"", ""},
	} {
		cfg, err := Parse(file, []byte(c.text), func(string) (string, bool) { return "", false })
		if err == nil || cfg == nil {
			t.Fatalf("%q: %v, %v", c.text, cfg, err)
		}
		var got []string
		for i, p := range cfg.Policies {
			e := cfg.PolicyError(i, errors.New("no"))
			got = append(got, fmt.Sprintf("%s %d:%d", p.Name, e.Line, e.Column))
			if want := fmt.Sprintf("%s:%d:%d: policies.plugin: no", file, e.Line, e.Column); e.Error() != want {
				t.Errorf("got %q, want %q", e.Error(), want)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}
