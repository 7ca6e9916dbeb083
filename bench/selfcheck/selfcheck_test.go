package selfcheck

import (
	"strings"
	"testing"
	"time"
)

// TestCountsAreRight runs everything, short, and holds it to what does not
// depend on how busy the machine is.
func TestCountsAreRight(t *testing.T) {
	r, err := Run(t.Context(), Options{Duration: 400 * time.Millisecond, Rate: 500, Streams: 50})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	if !r.OK(false) || len(r.Checks) != 10 || r.Floor.Count() != 200 {
		t.Errorf("%d checks, %d latencies:\n%s", len(r.Checks), r.Floor.Count(), text.String())
	}
}

func TestAWrongCountIsNotOK(t *testing.T) {
	u := &run{}
	u.near("off", time.Second, 2*time.Second, 0.01)
	if !u.r.OK(false) || u.r.OK(true) {
		t.Error("a time that is off counts where it should not, or does not where it should")
	}
	u.check("wrong", false, "1", "2")
	if u.r.OK(false) {
		t.Error("a wrong count is fine")
	}
}
