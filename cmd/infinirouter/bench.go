package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/infinirouter/infinirouter/bench/corpus"
	bench "github.com/infinirouter/infinirouter/bench/load"
)

// benchOptions are a job and what its flags need before they are one.
type benchOptions struct {
	job     bench.Job
	size    string
	corpus  string
	headers []string
	json    string
}

func newBench(stdout, stderr io.Writer) *cobra.Command {
	o := benchOptions{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put load on a router or a service, and say how it did",
		Long: `Send chats to any OpenAI-compatible server, at a constant rate (--rate) or a
number at once (--connections), check every reply and every event of a stream,
and write latencies to the end of the reply, to the first token and between
tokens. At a rate, latencies count from the time at which a request should have
been sent, so that a server that stalls cannot hide it.

Exits 1 when a request failed.`,
		Example: `  infinirouter bench --url http://127.0.0.1:8000 --rate 200 --duration 30s
  infinirouter bench --url http://127.0.0.1:8000 --model Qwen3-32B --stream --connections 64 --tokens 100
  infinirouter bench --url http://127.0.0.1:8000 --size 100KiB --corpus mixed --json result.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil || o.job.URL != "" {
				return err
			}
			return errors.New("--url is needed: the server to put load on")
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBench(cmd.Context(), o, stdout, stderr)
		},
	}
	f, j := cmd.Flags(), &o.job
	f.StringVar(&j.URL, "url", "", "the server's base `URL`, http://HOST:PORT")
	f.StringVar(&j.Path, "path", "/v1/chat/completions", "`PATH` to send to")
	f.StringVar(&j.Model, "model", "", "`MODEL` to ask for (default: the first that the server lists)")
	f.StringArrayVar(&o.headers, "header", nil, "`'NAME: VALUE'` to send with each request; may be repeated")
	f.StringVar(&o.size, "size", "1KiB", "length of each request's body, as `1KiB` or 1MiB")
	f.StringVar(&o.corpus, "corpus", string(corpus.Hot), fmt.Sprintf("what the chats have in common, one of `%v`", corpus.Kinds))
	f.Uint64Var(&j.Seed, "seed", 1, "the same `SEED` gives the same chats")
	f.IntVar(&j.Tokens, "tokens", 16, "max_tokens of each request")
	f.BoolVar(&j.Stream, "stream", false, "ask for streams")
	f.Float64Var(&j.Rate, "rate", 0, "requests a second, sent whether or not the server keeps up; 0: as fast as --connections allow")
	f.IntVar(&j.Connections, "connections", 0, "requests at once: so many, or with --rate so many at most (default 1, with --rate 256)")
	f.DurationVar(&j.Duration, "duration", 10*time.Second, "of the measured part; 0: until --requests are sent")
	f.Int64Var(&j.Requests, "requests", 0, "end after so many requests")
	f.DurationVar(&j.Warmup, "warmup", time.Second, "before the measured part")
	f.DurationVar(&j.Ramp, "ramp", 0, "spread the first requests of a closed loop over a time")
	f.DurationVar(&j.Timeout, "timeout", time.Minute, "of one request")
	f.IntVar(&j.Idle, "idle", 0, "further connections that stay open and silent")
	f.Float64Var(&j.Slow.Share, "slow", 0, "`SHARE` of clients, 0 to 1, that read slowly")
	f.IntVar(&j.Slow.BytesPerSecond, "slow-bytes", 1024, "`BYTES` a second that such a client reads")
	f.Float64Var(&j.Leave.Share, "leave", 0, "`SHARE` of clients, 0 to 1, that hang up before the reply's end")
	f.DurationVar(&j.Leave.After, "leave-after", 0, "time after which such a client hangs up")
	f.IntVar(&j.Leave.AfterEvents, "leave-after-events", 0, "events after which such a client hangs up")
	f.StringVar(&o.json, "json", "", "`FILE` to write the whole result to, - for standard output")
	_ = cmd.MarkFlagFilename("json", "json") // the flag exists
	return cmd
}

func runBench(ctx context.Context, o benchOptions, stdout, stderr io.Writer) error {
	job, err := o.finish()
	if err != nil {
		return err
	}
	if job.Model == "" {
		if job.Model, err = bench.FirstModel(ctx, job.URL, job.Headers); err != nil {
			return err
		}
	}
	if f, ok := stderr.(*os.File); ok && isTerminal(f) {
		job.Progress = f
	}
	r, err := bench.Run(ctx, job)
	if r == nil {
		return err
	}
	if o.json != "-" {
		if err := bench.WriteSummary(stdout, r); err != nil {
			return err
		}
	}
	if err := o.writeJSON(r, stdout); err != nil {
		return err
	}
	if failed := r.ErrorCount(); failed > 0 && err == nil {
		return fmt.Errorf("%d of %d requests failed: %s", failed, r.Sent, r.ErrorText())
	}
	return err
}

// finish turns the flags into a job.
func (o *benchOptions) finish() (bench.Job, error) {
	job := o.job
	job.Corpus = corpus.Kind(o.corpus)
	job.URL = strings.TrimSuffix(strings.TrimSuffix(job.URL, "/"), "/v1") // clients are given that form
	var err error
	if job.BodyBytes, err = parseSize(o.size); err != nil {
		return job, fmt.Errorf("--size: %w", err)
	}
	job.Headers = map[string]string{}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return job, fmt.Errorf("--header %q: want 'NAME: VALUE'", h)
		}
		job.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return job, nil
}

// parseSize reads a number of bytes with an optional unit.
func parseSize(text string) (int, error) {
	number, unit := strings.TrimSpace(text), 1
	for _, u := range []struct {
		name  string
		bytes int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > corpus.MaxBytes/unit {
		return 0, fmt.Errorf("%q is no size such as 700, 10KiB or 1MiB", text)
	}
	return n * unit, nil
}

func (o *benchOptions) writeJSON(r *bench.Result, stdout io.Writer) error {
	if o.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if o.json == "-" {
		_, err = stdout.Write(b)
		return err
	}
	return os.WriteFile(o.json, b, 0o644)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
