package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite testdata/report.txtar")

// small is a report with one of everything. Its figures grow with by.
func small(by float64) *Report {
	rounds := func(base float64) []Round {
		var list []Round
		for i := range 5 {
			v := by * base * (1 + 0.01*float64(i*i%5))
			list = append(list, Round{
				Values: map[string]float64{"cpu_per_1000_requests": v, "p50": v / 100, "requests_per_second": 2000, "errors": 0},
				Curves: map[string][]Point{"latency": {{0, v / 200}, {50, v / 100}, {99, v / 10}, {100, v}}},
			})
		}
		return list
	}
	s := Scenario{
		Name: "overhead", Measures: "What a request costs.", Noise: "Medians of rounds.", Command: "go run ./bench/run -scenarios overhead",
		View: View{
			Columns:   []string{"cpu_per_1000_requests", "p50", "requests_per_second", "errors", "peak_rss"},
			Headlines: []Headline{{"CPU per 1,000 requests", "1 KiB", "cpu_per_1000_requests"}},
			Plots: []Plot{
				{Kind: "bars", Metric: "cpu_per_1000_requests", Title: "CPU"},
				{Kind: "sizes", Metric: "p50", Title: "Latency by size"},
				{Kind: "curve", Curve: "latency", Title: "Latency", Cases: []string{"1 KiB"}},
			},
		},
		Cells: []Cell{
			{"1 KiB", 1 << 10, "router-3", rounds(0.05)},
			{"1 KiB", 1 << 10, "<mine>", rounds(0.07)},
			{"1 MiB", 1 << 20, "router-3", rounds(1)},
			{"1 MiB", 1 << 20, "<mine>", rounds(0.9)},
		},
	}
	s.Cells[3].Rounds[0].Errors = map[string]int64{"cut": 2}
	return &Report{
		Format: Format, Started: time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC), Seconds: 90, Command: "go run ./bench/run",
		Environment: Environment{OS: "Linux 6", CPU: "A CPU", CPUs: 2, Memory: 8 << 30, Go: "go1.26", Pinning: "not pinned", Load: "0.1 0.1 0.1", Notes: []string{"A note."}},
		Targets:     []Target{{"router-3", "InfiniRouter, three policies", "v1", "infinirouter serve", "[server]"}, {"<mine>", "<mine>", "at http://127.0.0.1:1", "", ""}},
		Missing:     []Missing{{"caddy", "caddy is not installed"}},
		Scenarios:   []Scenario{s},
	}
}

func TestMarkdown(t *testing.T) {
	old, now := small(1), small(1.2)
	old.Targets[0].Version = "v0"
	against := now.Compare(old)
	var got txtar.Archive
	for _, c := range []struct {
		name    string
		against *Comparison
	}{{"alone", nil}, {"against", &against}} {
		var b bytes.Buffer
		if err := now.Markdown(&b, 2, c.against); err != nil {
			t.Fatal(err)
		}
		got.Files = append(got.Files, txtar.File{Name: c.name, Data: b.Bytes()})
	}
	path := filepath.Join("testdata", "report.txtar")
	if *update {
		if err := os.WriteFile(path, txtar.Format(&got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(txtar.Format(&got)); text != string(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// TestHTMLNeedsNothingElse looks for what a page could fetch, and for what it
// must have.
func TestHTMLNeedsNothingElse(t *testing.T) {
	now := small(1.2)
	against := now.Compare(small(1))
	var b bytes.Buffer
	if err := now.HTML(&b, &against); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	outside := regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed)|@import|url\(|(src|href)="[^#]`)
	if found := outside.FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
	for _, text := range []string{
		"InfiniRouter, three policies", "&lt;mine&gt;", "caddy is not installed", "go run ./bench/run -scenarios overhead",
		"60.6 ±0.6", "2 × cut", "A note.", "&#43;20.0 %",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	drawings := regexp.MustCompile(`(?s)<svg .*?</svg>`).FindAllString(page, -1)
	if len(drawings) != 4 { // bars of two cases, sizes, one curve
		t.Errorf("%d drawings", len(drawings))
	}
	for _, d := range drawings {
		elements := map[string]int{}
		for x := xml.NewDecoder(strings.NewReader(d)); ; {
			token, err := x.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if start, ok := token.(xml.StartElement); ok {
				elements[start.Name.Local]++
			}
		}
		if elements["path"] < 4 || elements["text"] < 4 {
			t.Errorf("a drawing has %v", elements)
		}
	}
}

func TestCompareTellsChangeFromNoise(t *testing.T) {
	now := small(1)
	for _, c := range []struct {
		name    string
		by      float64
		rounds  int
		changed int // figures: CPU and latency of four cells
		tooFew  bool
	}{
		{"the same", 1, 5, 0, false},
		{"within the noise", 1.005, 5, 0, false},
		{"a fifth more", 1 / 1.2, 5, 8, false},
		{"a fifth less", 1.2, 5, 8, false},
		{"three rounds", 1.2, 3, 0, true},
	} {
		old := small(c.by)
		for i := range old.Scenarios[0].Cells {
			cell := &old.Scenarios[0].Cells[i]
			cell.Rounds = cell.Rounds[:c.rounds]
		}
		got := now.Compare(old)
		if c.rounds < 5 {
			short := small(1)
			for i := range short.Scenarios[0].Cells {
				short.Scenarios[0].Cells[i].Rounds = short.Scenarios[0].Cells[i].Rounds[:c.rounds]
			}
			got = short.Compare(old)
		}
		if n := len(got.Changed()); n != c.changed || got.TooFew != c.tooFew {
			t.Errorf("%s: %d changed, too few %v", c.name, n, got.TooFew)
		}
		for _, d := range got.Changed() {
			if d.Worse() != (c.by < 1) {
				t.Errorf("%s: %s is worse: %v", c.name, d.Verdict(), d.Worse())
			}
		}
	}
}

func TestLeastP(t *testing.T) {
	for _, c := range []struct {
		n, m int
		want float64
	}{{3, 3, 0.1}, {4, 4, 2.0 / 70}, {5, 5, 2.0 / 252}, {1, 1, 1}} {
		if got := leastP(c.n, c.m); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d and %d: %v, want %v", c.n, c.m, got, c.want)
		}
	}
}

func TestReadWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	want := small(1)
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if err := os.WriteFile(path, []byte(`{"format": 99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "format 99") {
		t.Errorf("error %v", err)
	}
}

func TestFigures(t *testing.T) {
	c := Cell{Rounds: []Round{{Values: map[string]float64{"x": 1}}, {}, {Values: map[string]float64{"x": 9}}, {Values: map[string]float64{"x": 2}}}}
	f, ok := c.Figure("x")
	if !ok || f.Median != 2 || f.MAD != 1 || f.Minimum != 1 || f.Maximum != 9 {
		t.Errorf("%+v", f)
	}
	if _, ok := c.Figure("y"); ok {
		t.Error("a figure of nothing")
	}
	for x, want := range map[float64]string{
		0: "0", 1: "1", 0.0312: "0.031", 1.234: "1.23", 9.996: "10.0", 31.26: "31.3", 99.96: "100", 1234.6: "1,235", -1234567.8: "-1,234,568", 12: "12",
	} {
		if got := digits(x); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{{0, 1}, {0, 0.003}, {0, 47}, {0, 1e6}, {0, 0}} {
		if n := len(steps{}.Ticks(c.low, c.high)); n < 1 || n > 7 {
			t.Errorf("%d steps from %v to %v", n, c.low, c.high)
		}
	}
	for _, c := range []struct{ low, high float64 }{{0.1, 0.2}, {0.05, 90}, {1, 1e6}} {
		if n := len(factors{}.Ticks(c.low, c.high)); n < 2 || n > 12 {
			t.Errorf("%d factors from %v to %v", n, c.low, c.high)
		}
	}
}
