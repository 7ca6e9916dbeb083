package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins/hostile"
)

// BenchmarkHonestBesideVillains measures what honest requests feel of a villain
// in the same router: the 99th percentile of their latency while the villain
// gets requests too, over the same without, in turns of the same run. A ratio of
// 1 is nothing; the machine's noise is in it. Beside it stands the processor time
// that the router takes in a second, with and without.
//
//	go test ./cmd/infinirouter -run '^$' -bench HonestBesideVillains -benchtime 5x
func BenchmarkHonestBesideVillains(b *testing.B) {
	villains, err := hostile.All()
	if err != nil {
		b.Fatal(err)
	}
	s := startService(b, answering)
	v := &villainy{service: s.URL, shipped: builtPolicies(b), dir: b.TempDir(), cache: filepath.Join(b.TempDir(), "cache")}
	for _, villain := range villains {
		if villain.Refused != "" {
			continue // not there, not felt
		}
		b.Run(villain.Name, func(b *testing.B) {
			module, err := villain.Module()
			if err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(v.dir, villain.Name+".wasm"), module, 0o600); err != nil {
				b.Fatal(err)
			}
			p := startProcess(b, v.toml(villain))
			for !healthy(p.url) {
				time.Sleep(10 * time.Millisecond)
			}
			var alone, beside []float64
			var cpuAlone, cpuBeside time.Duration
			for range b.N {
				start := cpuTime(b, p.cmd.Process.Pid)
				alone = append(alone, v.p99(b, p, false))
				half := cpuTime(b, p.cmd.Process.Pid)
				beside = append(beside, v.p99(b, p, true))
				cpuAlone, cpuBeside = cpuAlone+half-start, cpuBeside+cpuTime(b, p.cmd.Process.Pid)-half
			}
			b.ReportMetric(median(beside)/median(alone), "p99-ratio")
			b.ReportMetric(median(alone)*1000, "alone-ms")
			b.ReportMetric(median(beside)*1000, "beside-ms")
			b.ReportMetric(cpuAlone.Seconds()*1000/float64(b.N), "alone-cpu-ms/s")
			b.ReportMetric(cpuBeside.Seconds()*1000/float64(b.N), "beside-cpu-ms/s")
			b.ReportMetric(0, "ns/op")
			p.end(b)
		})
	}
}

func median(f []float64) float64 {
	slices.Sort(f)
	return f[len(f)/2]
}

// p99 sends honest requests for a second, at 400 a second and each at its time,
// beside up to 100 a second for the villain if there is one, and returns the
// 99th percentile of their latencies in seconds.
func (v *villainy) p99(b *testing.B, p *process, villain bool) float64 {
	const span, every = time.Second, 2500 * time.Microsecond
	ctx, stop := context.WithTimeout(context.Background(), span)
	defer stop()
	var villains sync.WaitGroup
	if villain {
		for range 4 {
			villains.Go(func() {
				for ctx.Err() == nil {
					_, _, _ = ask(p.url, "m", false)
					time.Sleep(40 * time.Millisecond)
				}
			})
		}
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var took []float64
	var failed atomic.Int64
	var honest sync.WaitGroup
	for due := time.Now(); ctx.Err() == nil; due = due.Add(every) {
		time.Sleep(time.Until(due))
		honest.Go(func() {
			status, err := askWith(client, p.url, "honest")
			t := time.Since(due).Seconds()
			if err != nil || status != http.StatusOK {
				failed.Add(1)
			}
			mu.Lock()
			took = append(took, t)
			mu.Unlock()
		})
	}
	honest.Wait()
	villains.Wait()
	if n := failed.Load(); n > 0 {
		b.Fatalf("%d honest requests failed", n)
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// askWith sends one honest request and drops the reply.
func askWith(client *http.Client, url, model string) (int, error) {
	resp, err := client.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(fmt.Sprintf(`{"model":%q,"messages":[]}`, model)))
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}
