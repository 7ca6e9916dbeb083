// Package template holds the files of a new policy, as `infinirouter policy
// new` writes them: a policy that builds and passes its tests as it stands.
package template

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed *.tmpl
var files embed.FS

// Files returns the files of a new policy by their paths inside its folder.
// The name is the policy's folder and becomes NAME.wasm: 1 to 64 of a-z, 0-9,
// '_' and '-', a letter first.
func Files(name string) (map[string][]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	all, err := template.New("").Delims("<<", ">>").ParseFS(files, "*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("templates of a new policy: %w", err)
	}
	out := map[string][]byte{}
	for _, t := range all.Templates() {
		file, ok := strings.CutSuffix(t.Name(), ".tmpl")
		if !ok {
			continue // the unnamed root
		}
		var b bytes.Buffer
		if err := t.Execute(&b, struct{ Name string }{name}); err != nil {
			return nil, fmt.Errorf("template %s of a new policy: %w", t.Name(), err)
		}
		if file == "cases.json" {
			file = "testdata/cases.json"
		}
		out[file] = b.Bytes()
	}
	return out, nil
}

func checkName(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	switch {
	case name == "" || len(name) > 64 || strings.Trim(name, letters+"0123456789_-") != "":
		return fmt.Errorf("policy name %q: want 1 to 64 of a-z, 0-9, '_' and '-'", name)
	case !strings.Contains(letters, name[:1]):
		return fmt.Errorf("policy name %q: want a letter first", name)
	}
	return nil
}
