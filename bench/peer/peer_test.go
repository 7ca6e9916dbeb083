package peer

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite testdata/configs.txtar")

// TestConfigs compares every configuration with testdata/configs.txtar.
func TestConfigs(t *testing.T) {
	plan := Plan{
		Host: "127.0.0.1", Port: "4000", Services: []string{"127.0.0.1:4001"}, Workers: 1,
		Connections: 800, Files: 1000, Dir: "DIR", Plugins: "PLUGINS",
	}
	failover := plan
	failover.Services = append(failover.Services, "127.0.0.1:4002")
	failover.Workers, failover.Failover, failover.Root = 2, true, true
	peers := append(Known(), RouterWith("router-hooks", "", "alias-restore", "canary-labels"))
	var got txtar.Archive
	for _, p := range peers {
		add := func(kind string, c Plan) {
			text, err := p.Render(c)
			if err != nil {
				t.Fatal(err)
			}
			text = strings.Join(p.args(c), " ") + "\n\n" + text
			got.Files = append(got.Files, txtar.File{Name: p.Name + " " + kind, Data: []byte(text)})
		}
		add("alone", plan)
		if p.Balances() {
			add("failover", failover)
		}
	}
	path := filepath.Join("testdata", "configs.txtar")
	if *update {
		if err := os.WriteFile(path, txtar.Format(&got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Files) != len(got.Files) {
		t.Fatalf("%d configurations, want %d", len(got.Files), len(want.Files))
	}
	for i, w := range want.Files {
		g := txtar.Parse(txtar.Format(&txtar.Archive{Files: got.Files[i : i+1]})).Files[0] // ends lines
		if g.Name != w.Name || string(g.Data) != string(w.Data) {
			t.Errorf("%s: got\n%s\nwant %s\n%s", g.Name, g.Data, w.Name, w.Data)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for said, want := range map[string]string{
		"nginx version: nginx/1.22.1\n":                                            "1.22.1",
		"HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\nmore": "2.6.12-1+deb12u4",
		"2.6.2\n":         "2.6.2",
		"v2.10.0 h1:abc=": "v2.10.0",
		"infinirouter (devel) linux/amd64 go1.26":         "(devel)",
		"infinirouter a3ed74a-dirty linux/amd64 go1.26.8": "a3ed74a-dirty",
		"infinirouter v0.3.1 linux/amd64 go1.26.8":        "v0.3.1",
	} {
		if got, err := parseVersion(said); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", said, got, err, want)
		}
	}
	if got, err := parseVersion("no number here"); err == nil {
		t.Errorf("found %q", got)
	}
}

func TestFindSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, p := range append(Known(), Peer{program: "no-such-server"}) {
		switch path, err := p.Find(Programs{}); {
		case p.program == "nginx" || p.program == "haproxy" || p.program == "caddy":
			// It may be in /usr/sbin.
			if err == nil != (path != "") {
				t.Errorf("%s: %q, %v", p.Name, path, err)
			}
		case err == nil || !strings.HasPrefix(err.Error(), p.program+" "):
			t.Errorf("%s: %q, %v", p.Name, path, err)
		}
	}
}
