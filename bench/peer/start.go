package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/bench/process"
)

// Options are how a peer is started.
type Options struct {
	Services []string // HOST:PORT each
	CPUs     []int    // that it may use; none: all
	Failover bool     // see Plan
	Programs Programs
}

// Running is a peer that runs.
type Running struct {
	Peer
	URL     string
	Command string // as one would type it
	Config  string // what its configuration says, "" if it has none

	process *process.Process
	dir     string
}

// PID is the number of the peer's process.
func (r *Running) PID() int { return r.process.PID() }

// Check fails when the peer has ended.
func (r *Running) Check() error {
	select {
	case <-r.process.Ended():
		return r.process.Failure()
	default:
		return nil
	}
}

// Dir is the peer's own folder; its configuration is in it.
func (r *Running) Dir() string { return r.dir }

// Stop ends the peer and removes its folder.
func (r *Running) Stop() {
	r.process.Stop(3 * time.Second)
	_ = os.RemoveAll(r.dir)
}

// attempts is how often a peer is started: the port that was free when it was
// chosen may not be any more.
const attempts = 3

// Start runs a peer and waits until it has passed a request on to a service. The
// caller must call Stop.
func (p Peer) Start(ctx context.Context, o Options) (*Running, error) {
	path, err := p.Find(o.Programs)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		r, err := p.start(ctx, path, o)
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil || try == attempts || !portTaken.MatchString(err.Error()) {
			return nil, fmt.Errorf("%s does not start: %w", p.Name, err)
		}
	}
}

// portTaken is what programs say when their port is another's.
var portTaken = regexp.MustCompile(`(?i)address already in use|cannot bind|could not bind`)

func (p Peer) start(ctx context.Context, path string, o Options) (*Running, error) {
	dir, err := os.MkdirTemp("", "bench-"+p.Name+"-")
	if err != nil {
		return nil, err
	}
	r := &Running{Peer: p, dir: dir}
	plan, err := p.plan(dir, o)
	if err == nil {
		r.Config, err = p.Render(plan)
	}
	if err == nil && p.config != "" {
		err = os.WriteFile(plan.file(p.config), []byte(r.Config), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	args := p.args(plan)
	r.URL = "http://" + net.JoinHostPort(plan.Host, plan.Port)
	r.Command = strings.Join(append([]string{p.program}, args...), " ")
	r.process, err = process.Start(process.Command{
		Path: path, Args: args, Dir: dir, CPUs: o.CPUs, Orphaned: p.orphaned,
		Env: []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_CACHE_HOME=" + cacheDir()},
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := r.awaitService(ctx); err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

// cacheDir is the caller's, for the router's compiled policies: compiling them
// anew takes seconds.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return os.TempDir()
	}
	return dir
}

// plan chooses what a peer is told.
func (p Peer) plan(dir string, o Options) (Plan, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Plan{}, err
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err = errors.Join(err, ln.Close()); err != nil {
		return Plan{}, err
	}
	files := maxFiles()
	workers := len(o.CPUs)
	if workers == 0 {
		workers = runtime.NumCPU()
	}
	return Plan{
		Host: "127.0.0.1", Port: port, Services: o.Services, Workers: workers,
		Files: files, Connections: files / 5 * 4, Failover: o.Failover,
		Root: os.Geteuid() == 0, Dir: dir, Plugins: o.Programs.Plugins,
	}, nil
}

// startTimeout is how long a peer may take until it answers. A router that has
// never compiled its policies before takes seconds on a slow machine.
const startTimeout = time.Minute

// awaitService asks until a service answers through the peer.
func (r *Running) awaitService(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := Ask(ctx, r.URL)
		if err == nil {
			return nil
		}
		if ended := r.Check(); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w; last: %w\n%s", r.Name, ctx.Err(), err, r.process.Output())
		case <-r.process.Ended():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Ask sends one small chat request to url and fails unless the answer is good.
func Ask(ctx context.Context, url string) error {
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Are you there?"}],"max_tokens":1}`, Alias)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true // leave no connection behind that is counted
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, text)
	}
	return err
}
