package config

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shipped returns the repository's router.toml.
func shipped(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("../../router.toml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestShipped: the shipped file is right as it stands, once its plugins are
// compiled, and also with the keys that it comments out.
func TestShipped(t *testing.T) {
	data := shipped(t)
	whole := regexp.MustCompile(`(?m)^# (\[\[?[a-z_.]+\]\]?$|[a-z_0-9]+ = )`).ReplaceAll(data, []byte("$1"))
	if bytes.Equal(whole, data) {
		t.Error("nothing was commented out")
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("policies", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alias", "clamp", "canary"} {
		if err := os.WriteFile(filepath.Join("policies", name+".wasm"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Parse("router.toml", data, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 2 || c.Services[0].URL != "http://127.0.0.1:8100" || c.Services[1].URL != "http://127.0.0.1:8101" {
		t.Errorf("services: %+v", c.Services)
	}
	if len(c.APIKeys) != 0 || len(c.Routes) != 1 || !slices.Equal(c.Routes[0].Policies, []string{"alias", "clamp", "canary"}) {
		t.Errorf("keys %+v, routes %+v", c.APIKeys, c.Routes)
	}
	env := func(string) (string, bool) { return "value", true }
	if c, err = Parse("router.toml", whole, env); err != nil {
		t.Fatal(err)
	}
	if len(c.APIKeys) != 1 {
		t.Errorf("keys: %+v", c.APIKeys)
	}
}

// TestShippedDocuments: every key stands in the shipped file, under a comment
// and, unless it must be set or shows an example, with its default.
func TestShippedDocuments(t *testing.T) {
	examples := []string{"policies.config", "routes.policies"}
	documented := documentedKeys(string(shipped(t)))
	for _, k := range Reference() {
		if k.Doc == "" || k.Type == "" {
			t.Errorf("%s has no doc or type", k.Path)
		}
		value, ok := documented[k.Path]
		switch {
		case k.Type == "a table" || k.Type == "a list of tables":
		case !ok:
			t.Errorf("router.toml does not document %s", k.Path)
		case k.Default != "" && !slices.Contains(examples, k.Path) && strings.ReplaceAll(value, "_", "") != strings.ReplaceAll(k.Default, "_", ""):
			t.Errorf("router.toml has %s = %s, the default is %s", k.Path, value, k.Default)
		}
	}
}

// documentedKeys maps each key that stands under a comment to its first value,
// whether it is commented out or not.
func documentedKeys(file string) map[string]string {
	header := regexp.MustCompile(`^(?:# )?\[\[?([a-z_.]+)\]\]?$`)
	pair := regexp.MustCompile(`^(?:# )?([a-z_0-9]+) = (.+)$`)
	found := map[string]string{}
	table, above := "", ""
	for line := range strings.Lines(file) {
		line = strings.TrimSuffix(line, "\n")
		if m := header.FindStringSubmatch(line); m != nil {
			table = m[1]
		} else if m := pair.FindStringSubmatch(line); m != nil {
			_, seen := found[table+"."+m[1]]
			if strings.HasPrefix(above, "# ") && !pair.MatchString(above) && !seen {
				found[table+"."+m[1]] = m[2]
			}
		}
		above = line
	}
	return found
}
