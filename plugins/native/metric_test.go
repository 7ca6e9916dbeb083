package native

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestMetrics(t *testing.T) {
	m := &fakeMetrics{}
	g := newGuest(t, func(o *Options) { o.Metrics = m })
	long := strings.Repeat("a", 65)
	for name, want := range map[string]int32{
		"hits": 0, "hits;arm=B 1": 0, "a;b=ü": 0, "": abi.Malformed, "Hits": abi.Malformed, long: abi.Malformed,
		"a;": abi.Malformed, "a;b": abi.Malformed, "a;=c": abi.Malformed, "a;b=": abi.Malformed,
		"a;b=" + long: abi.Malformed, "a;b=\n": abi.Malformed, "a;b=\xff": abi.Malformed, "a;" + long + "=c": abi.Malformed,
		"a-b": abi.Malformed, ";b=c": abi.Malformed,
	} {
		if got := g.code("metric_add", name, 1.0); got != want {
			t.Errorf("%q: got %d, want %d", name, got, want)
		}
	}
	m.value = 0
	for _, v := range []float64{math.NaN(), math.Inf(1), -1} {
		if got := g.code("metric_add", "a", v); got != abi.Malformed {
			t.Errorf("%v: got %d", v, got)
		}
	}
	if g.code("metric_add", "a;b=c", 2.5); m.name != "p/a;b=c" || m.value != 2.5 {
		t.Errorf("metric is %+v", m)
	}
	for i := range 2 * maxNames {
		g.top = 1024
		g.code("metric_add", fmt.Sprintf("m%d", i), 1.0)
	}
	if len(g.call.names) > maxNames {
		t.Errorf("an instance remembers %d names", len(g.call.names))
	}
}
