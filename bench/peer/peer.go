package peer

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Direct is the target that has nothing in between.
const Direct = "direct"

// Peer is a program, with a configuration, that can stand between clients and
// services.
type Peer struct {
	Name  string // as on the command line and in reports
	Title string // what it is, for people

	program  string                     // to look for; or built, see Programs
	version  []string                   // arguments that make it say its version
	config   string                     // its template below config/, and the file's name
	args     func(config Plan) []string // how to run it
	policies []string                   // of the router
	orphaned syscall.Signal             // see process.Command
	balances bool                       // it can look after several services
}

// Balances says that the peer can be told of several services and leaves out one
// that fails.
func (p Peer) Balances() bool { return p.balances }

// Policies are the names of the router's policies, nil for other programs.
func (p Peer) Policies() []string { return p.policies }

// Ours says that the peer is this project's router.
func (p Peer) Ours() bool { return p.program == routerProgram }

// Built says that the peer's program is of this repository.
func (p Peer) Built() bool { return p.program == routerProgram || p.program == proxiesProgram }

// Programs are the files of what this repository builds.
type Programs struct {
	Router  string // infinirouter
	Plugins string // the folder of compiled policies
	Proxies string // bench/proxies
}

const (
	routerProgram  = "infinirouter"
	proxiesProgram = "proxies"
)

// Known returns all peers, in the order of reports.
func Known() []Peer {
	serve := func(c Plan) []string { return []string{"serve", "--config", c.file("router.toml")} }
	router := func(name, title string, policies ...string) Peer {
		return Peer{
			Name: name, Title: title, program: routerProgram, version: []string{"version"},
			config: "router.toml", args: serve, policies: append([]string{}, policies...), balances: true,
		}
	}
	proxy := func(name, title string) Peer {
		return Peer{Name: name, Title: title, program: proxiesProgram, args: func(c Plan) []string {
			return []string{"-kind", name, "-listen", c.Host + ":" + c.Port, "-service", c.Services[0]}
		}}
	}
	return []Peer{
		router("router-0", "InfiniRouter, no policies"),
		router("router-1", "InfiniRouter, one policy", "alias"),
		router("router-3", "InfiniRouter, three policies", "alias", "clamp", "canary"),
		{
			Name: "nginx", Title: "nginx", program: "nginx", version: []string{"-v"}, config: "nginx.conf", balances: true,
			args: func(c Plan) []string { return []string{"-p", c.Dir, "-c", c.file("nginx.conf"), "-e", "stderr"} },
			// Its master hands this one down to its workers.
			orphaned: syscall.SIGTERM,
		},
		{
			Name: "haproxy", Title: "HAProxy", program: "haproxy", version: []string{"-v"}, config: "haproxy.cfg", balances: true,
			args: func(c Plan) []string { return []string{"-db", "-f", c.file("haproxy.cfg")} },
		},
		{
			Name: "caddy", Title: "Caddy", program: "caddy", version: []string{"version"}, config: "Caddyfile", balances: true,
			args: func(c Plan) []string {
				return []string{"run", "--adapter", "caddyfile", "--config", c.file("Caddyfile")}
			},
		},
		proxy("reverseproxy", "Go ReverseProxy"),
		proxy("fasthttp", "bare fasthttp proxy"),
	}
}

// RouterWith returns a peer that is the router with policies of config/router.toml:
// alias, alias-restore, clamp, canary, canary-labels.
func RouterWith(name, title string, policies ...string) Peer {
	p := Known()[0]
	p.Name, p.Title, p.policies = name, title, policies
	return p
}

// Find returns where the peer's program is. The error says what is missing.
func (p Peer) Find(built Programs) (string, error) {
	switch p.program {
	case routerProgram:
		return p.findBuilt(built.Router)
	case proxiesProgram:
		return p.findBuilt(built.Proxies)
	}
	if path, err := exec.LookPath(p.program); err == nil {
		return path, nil
	}
	// Servers are often where only root looks.
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, p.program)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", p.program)
}

func (p Peer) findBuilt(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("%s was not built", p.program)
	}
	_, err := os.Stat(path)
	return path, err
}

var versionNumber = regexp.MustCompile(`(\(devel\)|v?\d[\w.+~:-]*|[0-9a-f]{7,}(-dirty)?)`)

// Version asks the program at path what it is.
func (p Peer) Version(ctx context.Context, path string) (string, error) {
	if p.program == proxiesProgram {
		return libraryVersion(p.Name, path)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, p.version...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("version of %s: %w\n%s", path, err, out)
	}
	return parseVersion(string(out))
}

// parseVersion finds the number in "nginx version: nginx/1.22.1" and the like.
func parseVersion(said string) (string, error) {
	line, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '/' }) {
		if found := versionNumber.FindString(word); found == word {
			return found, nil
		}
	}
	return "", fmt.Errorf("no version in %q", line)
}

// libraryVersion reads from a Go program which library it was built with.
func libraryVersion(name, path string) (string, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", err
	}
	if name != "fasthttp" {
		return info.GoVersion, nil
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/valyala/fasthttp" {
			return m.Version + ", " + info.GoVersion, nil
		}
	}
	return "", errors.New("no fasthttp in " + path)
}
