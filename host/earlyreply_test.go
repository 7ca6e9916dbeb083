package host

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRepliesAgainstAPlainModel replies, commits and rolls back at random: what
// is valid is what plain strings say.
func TestRepliesAgainstAPlainModel(t *testing.T) {
	x := newTestExchange(t, chatBody)
	r := rand.New(rand.NewPCG(1, 2))
	type plain struct {
		status     int
		kind, body string
	}
	var now, before plain
	for step := range 5000 {
		switch n := r.IntN(10); {
		case n < 5:
			if !x.tx.open {
				x.Begin()
				before = now
			}
			letter := string(rune('a' + step%26))
			now = plain{200 + r.IntN(400), strings.Repeat(letter, r.IntN(20)), strings.Repeat(letter, r.IntN(1000))}
			if err := x.SetReply(now.status, []byte(now.kind), []byte(now.body)); err != nil {
				t.Fatal(err)
			}
		case n < 7 && x.tx.open:
			x.Commit()
		case n < 9 && x.tx.open:
			x.Rollback()
			now = before
		case n == 9 && !x.tx.open:
			x.dropReply()
			now = plain{}
		}
		if got := (plain{x.reply.status, string(x.reply.contentType), string(x.reply.body)}); got != now {
			t.Fatalf("step %d: %+v, want %+v", step, got, now)
		}
	}
}

func TestRepliesAllocateNothingOnceThereWereSome(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates
	}
	x := newTestExchange(t, chatBody)
	text, body := []byte("text/plain"), make([]byte, maxIdleReply)
	if n := testing.AllocsPerRun(100, func() {
		for range 3 {
			x.Begin()
			for range 3 {
				_ = x.SetReply(429, text, body)
			}
			x.Commit()
		}
		x.dropReply()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	_ = x.SetReply(429, text, make([]byte, maxIdleReply+1))
	if x.dropReply(); cap(x.reply.body) > maxIdleReply {
		t.Errorf("an idle exchange holds %d bytes for a reply", cap(x.reply.body))
	}
}
