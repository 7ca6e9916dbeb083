// The program wire runs the corpus of bench/wire against this router and against
// other proxies, and writes the table of its README.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/infinirouter/infinirouter/bench/peer"
	"github.com/infinirouter/infinirouter/bench/wire"
)

type options struct {
	targets []string
	table   string
	summary string
}

func main() {
	targets := flag.String("targets", "router-0,nginx,haproxy", "`names` of peers; what is not installed is left out and named")
	table := flag.String("table", "", "write every case's verdict into this `file`")
	summary := flag.String("readme", "", "write the summary into this `file`, between its marks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, options{strings.Split(*targets, ","), *table, *summary})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "wire:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "wire-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs := peer.Programs{Router: filepath.Join(dir, "infinirouter"), Plugins: dir}
	if said, err := exec.CommandContext(ctx, "go", "build", "-o", programs.Router, "./cmd/infinirouter").CombinedOutput(); err != nil {
		return fmt.Errorf("building the router (run this from the repository): %w\n%s", err, said)
	}
	results, err := measureAll(ctx, o.targets, programs)
	if err != nil {
		return err
	}
	summary := wire.Summary(results)
	fmt.Print(summary)
	if o.table != "" {
		if err := os.WriteFile(o.table, []byte(wire.Table(results)), 0o644); err != nil {
			return err
		}
	}
	if o.summary != "" {
		return replaceSummary(o.summary, summary)
	}
	return nil
}

// measureAll runs the corpus at all peers at once: most of the time is waiting.
func measureAll(ctx context.Context, names []string, programs peer.Programs) ([]wire.Result, error) {
	results, failures := make([]wire.Result, len(names)), make([]error, len(names))
	var wg sync.WaitGroup
	for n, name := range names {
		i := slices.IndexFunc(peer.Known(), func(p peer.Peer) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no peer is called %q", name)
		}
		wg.Go(func() { results[n], failures[n] = measure(ctx, peer.Known()[i], programs) })
	}
	wg.Wait()
	return results, errors.Join(failures...)
}

// measure runs the corpus at one peer. One that is not installed is a result
// that says so.
func measure(ctx context.Context, p peer.Peer, programs peer.Programs) (wire.Result, error) {
	r := wire.Result{Name: p.Title}
	path, err := p.Find(programs)
	if err != nil {
		r.Missing = err.Error()
		return r, nil
	}
	version, err := p.Version(ctx, path)
	if err != nil {
		return r, err
	}
	if !p.Ours() {
		r.Name += " " + version
	}
	s, err := wire.StartService()
	if err != nil {
		return r, err
	}
	defer s.Stop()
	running, err := p.Start(ctx, peer.Options{Services: []string{s.Addr()}, Programs: programs})
	if err != nil {
		return r, err
	}
	defer running.Stop()
	fmt.Fprintf(os.Stderr, "%s: %s\n", r.Name, running.Command)
	err = r.Run(ctx, strings.TrimPrefix(running.URL, "http://"), s)
	if err != nil {
		err = fmt.Errorf("%s: %w", r.Name, errors.Join(err, running.Check()))
	}
	return r, err
}

// Between these lines of a README stands what is measured.
var begin, end = []byte("<!-- measured -->\n"), []byte("<!-- end -->\n")

func replaceSummary(file, summary string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, begin)
	_, after, ok2 := bytes.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q", file, begin, end)
	}
	return os.WriteFile(file, slices.Concat(before, begin, []byte("\n"+summary), end, after), 0o644)
}
