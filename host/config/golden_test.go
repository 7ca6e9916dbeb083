package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the wanted part of testdata/*.txtar")

// TestGolden runs each testdata/NAME.txtar: its files are laid out in a folder,
// router.toml among them is parsed with the variables of the file env, and the
// outcome, errors or the whole value, must be the file want.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	archive, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := splitArchive(archive)
	t.Chdir(t.TempDir())
	for _, f := range files {
		if strings.HasSuffix(f.name, "/") {
			err = os.MkdirAll(f.name, 0o755)
		} else if err = os.MkdirAll(filepath.Dir(f.name), 0o755); err == nil {
			err = os.WriteFile(f.name, f.data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got := outcome(find(files, "router.toml"), environment(find(files, "env")))
	if *update {
		i := bytes.Index(archive, []byte("-- want --\n"))
		if i < 0 {
			i = len(archive)
		}
		if err := os.WriteFile(path, append(archive[:i:i], "-- want --\n"+got...), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := string(find(files, "want")); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// outcome is what Parse returns, as text.
func outcome(data []byte, env func(string) (string, bool)) string {
	c, err := Parse("router.toml", data, env)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	dump(&b, "", reflect.ValueOf(*c))
	return b.String()
}

// dump writes one line for each field that is not zero.
func dump(b *strings.Builder, path string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			dump(b, strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			dump(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case v.IsZero():
	case v.Type() == reflect.TypeFor[[]byte]():
		fmt.Fprintf(b, "%s = %s\n", path, v.Bytes())
	case v.Type() == reflect.TypeFor[time.Duration]():
		fmt.Fprintf(b, "%s = %v\n", path, v.Interface())
	default:
		fmt.Fprintf(b, "%s = %#v\n", path, v.Interface())
	}
}

type archived struct {
	name string
	data []byte
}

// splitArchive reads the txtar format: files after lines of "-- name --".
func splitArchive(data []byte) []archived {
	var files []archived
	for line := range bytes.Lines(data) {
		name, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("-- "))
		name, closed := bytes.CutSuffix(name, []byte(" --"))
		switch {
		case ok && closed:
			files = append(files, archived{name: string(name)})
		case len(files) > 0:
			last := &files[len(files)-1]
			last.data = append(last.data, line...)
		}
	}
	return files
}

func find(files []archived, name string) []byte {
	for _, f := range files {
		if f.name == name {
			return f.data
		}
	}
	return nil
}

// environment reads NAME=value lines.
func environment(data []byte) func(string) (string, bool) {
	vars := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = value
	}
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}
