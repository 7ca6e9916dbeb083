package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const noPolicies = ""

// aliased is what clients of the router with policies ask for.
const aliased = "gpt-4"

// threePolicies has each of them do its work on every request: rename the
// model, bound a parameter, and pick an arm.
func threePolicies(model string) string {
	return fmt.Sprintf(`
[[policies]]
name = "alias"
plugin = "alias.wasm"
config = { %[2]q = %[1]q }

[[policies]]
name = "clamp"
plugin = "clamp.wasm"
[policies.config.params.temperature]
max = 0.6

[[policies]]
name = "canary"
plugin = "canary.wasm"
[policies.config]
models = [%[1]q]
key = ["header:X-User", "client_address"]
arms = [
  { name = "stable", weight = 95, model = %[1]q },
  { name = "next", weight = 5, model = %[1]q },
]

[[routes]]
name = "all"
policies = ["alias", "clamp", "canary"]
`, model, aliased)
}

// router is a running infinirouter.
type router struct {
	url  string
	cmd  *exec.Cmd
	dir  string
	done chan struct{}
}

// listening matches serve's line that says where it serves.
var listening = regexp.MustCompile(`msg=serving address=(\S+)`)

// startRouter starts binary in front of one service and waits until it knows
// that the service is well.
func startRouter(ctx context.Context, binary, policies, service, toml string) (*router, error) {
	plugins, err := filepath.Abs(policies)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "infinirouter-bench-")
	if err != nil {
		return nil, err
	}
	r := &router{dir: dir, done: make(chan struct{})}
	text := fmt.Sprintf("[server]\nlisten = \"127.0.0.1:0\"\n\n[plugins]\ndir = %q\n\n[[services]]\nname = \"bench\"\nurl = %q\n%s", plugins, service, toml)
	config := filepath.Join(dir, "router.toml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r.cmd = exec.Command(binary, "serve", "--config", config)
	stderr, err := r.cmd.StderrPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := r.awaitAddress(stderr); err != nil {
		r.stop()
		return nil, err
	}
	if err := r.awaitHealth(ctx); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// awaitAddress reads the log up to the address, and goes on reading so that
// the router is never blocked on it.
func (r *router) awaitAddress(stderr io.Reader) error {
	lines := bufio.NewScanner(stderr)
	var said []string
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			r.url = "http://" + m[1]
			go func() {
				defer close(r.done)
				_, _ = io.Copy(io.Discard, stderr)
				_ = r.cmd.Wait()
			}()
			return nil
		}
		said = append(said, lines.Text())
	}
	close(r.done)
	return fmt.Errorf("it did not start (%w):\n%s", r.cmd.Wait(), strings.Join(said, "\n"))
}

func (r *router) awaitHealth(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/health", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			var h struct {
				Services string `json:"healthy_services"`
			}
			err = json.NewDecoder(resp.Body).Decode(&h)
			_ = resp.Body.Close()
			if err == nil && h.Services == "1/1" {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its service is not healthy: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the router.
func (r *router) stop() {
	select {
	case <-r.done:
	default:
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-r.done:
		case <-time.After(10 * time.Second):
			_ = r.cmd.Process.Kill()
			<-r.done
		}
	}
	_ = os.RemoveAll(r.dir)
}
