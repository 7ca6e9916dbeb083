package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The tests of this file keep the repository in order: who may import whom,
// what a package is called and says of itself, and what must not be committed.

// repoRoot is the repository as this package sees it.
const repoRoot = "../.."

// repoFiles returns the paths of the repository's files, from its root, with
// slashes: what git tracks or would track, or all files where there is no git.
func repoFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	if _, err := os.Stat(filepath.Join(repoRoot, ".git")); err == nil {
		out, err := exec.Command("git", "-C", repoRoot, "-c", "core.quotepath=off", "ls-files", "--cached", "--others", "--exclude-standard").Output()
		if err != nil {
			t.Fatalf("git ls-files: %v", err)
		}
		for name := range strings.Lines(string(out)) {
			name = strings.TrimSuffix(name, "\n")
			if _, err := os.Lstat(filepath.Join(repoRoot, name)); err == nil {
				files = append(files, name)
			}
		}
	} else {
		err := fs.WalkDir(os.DirFS(repoRoot), ".", func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && slices.Contains([]string{".cache", "bin", "node_modules", "target", "__pycache__"}, d.Name()):
				return fs.SkipDir
			case !d.IsDir() && path.Ext(name) != ".wasm":
				files = append(files, name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 20 {
		t.Fatalf("found only %d files", len(files))
	}
	return files
}

// law says what of ours the packages below a folder may import, tests aside.
// The most exact folder counts. "x" is package x alone, "x/..." also all below.
var law = map[string][]string{
	"sdk":         {"sdk/..."},
	"policies":    {"sdk/..."},
	"plugins":     {"plugins/...", "sdk/abi"},
	"host":        {"host/...", "plugins", "sdk/abi"},
	"host/config": {},
	"cmd":         {"..."},
	"bench":       {"bench/..."},
}

// owners says which folders alone may import a third-party module, tests aside.
var owners = map[string][]string{
	"github.com/tetratelabs/wazero":   {"plugins"},
	"github.com/valyala/fasthttp":     {"host", "bench/proxies"},
	"github.com/bytedance/sonic":      {"host"},
	"github.com/prometheus":           {"host/telemetry"},
	"github.com/fsnotify/fsnotify":    {"host/watch"},
	"github.com/BurntSushi/toml":      {"host/config", "bench/scenarios"},
	"github.com/cespare/xxhash":       {"host", "plugins"},
	"github.com/spf13":                {"cmd"},
	"github.com/HdrHistogram":         {"bench"},
	"gonum.org/v1/plot":               {"bench/report"},
	"golang.org/x/perf":               {"bench/report"},
	"github.com/rogpeppe/go-internal": {},
	"golang.org/x/sys":                {"host", "plugins", "bench", "cmd/infinirouter"},
	"github.com/cloudflare/tableflip": {"cmd/infinirouter"},
}

func below(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

// allowed says whether a package in dir may import our package at target.
func allowed(dir, target string) bool {
	folder := ""
	for f := range law {
		if below(dir, f) && len(f) > len(folder) {
			folder = f
		}
	}
	if below(dir, "host") && dir != "host" && target == "host" {
		return false // only the root of host sees its parts, not the other way
	}
	for _, rule := range law[folder] {
		tree, isTree := strings.CutSuffix(rule, "...")
		tree = strings.TrimSuffix(tree, "/")
		if target == rule || isTree && (tree == "" || below(target, tree)) {
			return true
		}
	}
	return false
}

// goFile is a Go file that is no test.
type goFile struct {
	name    string
	pkg     string // the package's name
	doc     bool   // it has the package's doc comment
	imports []string
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	for _, name := range repoFiles(t) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(repoRoot, name), nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			continue
		}
		files = append(files, goFile{name: name, pkg: f.Name.Name, doc: f.Doc != nil, imports: importsOf(f)})
	}
	return files
}

func importsOf(f *ast.File) []string {
	var list []string
	for _, im := range f.Imports {
		if p, err := strconv.Unquote(im.Path.Value); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func TestImportLaw(t *testing.T) {
	for _, f := range goFiles(t) {
		dir := path.Dir(f.name)
		for _, im := range f.imports {
			first, _, _ := strings.Cut(im, "/")
			switch target, ours := strings.CutPrefix(im, modulePath+"/"); {
			case ours:
				if !allowed(dir, target) {
					t.Errorf("%s imports %s: a package of %s must not", f.name, target, dir)
				}
			case strings.Contains(first, "."):
				checkOwner(t, f.name, im)
			}
		}
	}
}

// checkOwner checks the import of another's module.
func checkOwner(t *testing.T, name, im string) {
	t.Helper()
	for module, folders := range owners {
		if !below(im, module) {
			continue
		}
		for _, folder := range folders {
			if below(name, folder) {
				return
			}
		}
		t.Errorf("%s imports %s: only %v may", name, im, folders)
		return
	}
	t.Errorf("%s imports %s, which no folder owns: a new dependency needs a line in this test and a reason", name, im)
}

func TestLawCatchesBreaches(t *testing.T) {
	for _, c := range []struct {
		dir, target string
		want        bool
	}{
		{"sdk", "sdk/abi", true},
		{"sdk", "plugins", false},
		{"policies/alias", "sdk", true},
		{"policies/alias", "host", false},
		{"plugins/sandbox", "plugins/meter", true},
		{"plugins/native", "sdk/abi", true},
		{"plugins/native", "sdk", false},
		{"plugins", "host/config", false},
		{"host", "plugins", true},
		{"host", "host/route", true},
		{"host", "plugins/sandbox", false},
		{"host/route", "host", false},
		{"host/route", "host/config", true},
		{"host/config", "host/route", false},
		{"cmd/infinirouter", "plugins/sandbox", true},
		{"bench/service", "sdk", false},
		{"bench/load", "bench/corpus", true},
		{"elsewhere", "sdk", false},
	} {
		if got := allowed(c.dir, c.target); got != c.want {
			t.Errorf("%s may import %s: %v", c.dir, c.target, got)
		}
	}
}

func TestPackagesHaveNamesAndDocs(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range goFiles(t) {
		dir := path.Dir(f.name)
		documented[dir] = documented[dir] || f.doc
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types", "core", "base", "misc", "shared"}, f.pkg) {
			t.Errorf("%s: %q says nothing of what the package does", f.name, f.pkg)
		}
	}
	for dir, doc := range documented {
		if !doc {
			t.Errorf("package in %s has no doc comment", dir)
		}
	}
}

func TestTopLevelFolders(t *testing.T) {
	known := []string{".ci", "bench", "cmd", "host", "plugins", "policies", "sdk"}
	for _, name := range repoFiles(t) {
		if folder, _, inside := strings.Cut(name, "/"); inside && !slices.Contains(known, folder) {
			t.Errorf("%s: %s is no folder of this repository (%s)", name, folder, strings.Join(known, ", "))
		}
	}
}

// unwanted is text that belongs to one machine or one registry. The pieces are
// apart so that this file does not hold it either.
var unwanted = []string{
	"proxy.golang" + ".org", "sum.golang" + ".org", "registry.npmjs" + ".org", "pypi" + ".org", "pythonhosted" + ".org",
	"static.crates" + ".io", "index.crates" + ".io", "repo1." + "maven.org", "deb.debian" + ".org",
	"/work" + "/main", "/work" + "/shared", "/root" + "/", ".." + "/shared", "/tmp" + "/brief",
}

func TestNothingIsCommittedThatShouldNotBe(t *testing.T) {
	for _, name := range repoFiles(t) {
		b, err := os.ReadFile(filepath.Join(repoRoot, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if path.Ext(name) == ".wasm" && !strings.Contains(name, "testdata/") {
			t.Errorf("%s: modules are built, not committed", name)
		}
		if bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 && !strings.Contains(name, "testdata/") {
			t.Errorf("%s: a binary file", name)
		}
		if len(b) > 1<<20 {
			t.Errorf("%s: %d bytes", name, len(b))
		}
		for _, text := range unwanted {
			if i := bytes.Index(b, []byte(text)); i >= 0 {
				t.Errorf("%s:%d: %q", name, 1+bytes.Count(b[:i], []byte("\n")), text)
			}
		}
	}
}

// TestToolsAreNotDependencies keeps what only CI needs out of go.mod.
func TestToolsAreNotDependencies(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(repoRoot, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"gofumpt", "honnef.co/go/tools"} {
		if bytes.Contains(b, []byte(tool)) {
			t.Errorf("go.mod names %s: tools belong in .ci/tools.mod", tool)
		}
	}
}
