package sdktest

import (
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestFloatsReadSeveralNumbers(t *testing.T) {
	body := `{"model":"m","n":2,"f":0.25,"s":"3","nothing":null,"tools":[1],"messages":[{"n":1}]}`
	paths := []string{"/n", "/f", "/s", "/nothing", "/none", "/tools", "/messages/0/n"}
	want := map[string][]error{
		"":        {nil, nil, sdk.ErrMalformed, sdk.ErrMalformed, sdk.ErrAbsent, sdk.ErrNotAllowed, sdk.ErrNotAllowed},
		"content": {nil, nil, sdk.ErrMalformed, sdk.ErrMalformed, sdk.ErrAbsent, sdk.ErrMalformed, nil},
	}
	for grant, errs := range want {
		c := Case{Request: Request{Body: Text(body)}, Grants: strings.Fields(grant)}
		play(t, c, Hooks{OnRequest: hook(func() {
			f := sdk.NewFloats(paths...)
			for range 2 {
				answers := f.Ask()
				if len(answers) != len(paths) || answers[0].Value != 2 || answers[1].Value != 0.25 {
					t.Fatalf("answers %v", answers)
				}
				for i, path := range paths {
					if err := answers[i].Err(); err != 0 {
						wantErr(t, path, err, errs[i])
					} else {
						wantErr(t, path, nil, errs[i])
					}
				}
			}
			if len(sdk.NewFloats().Ask()) != 0 {
				t.Error("no question has an answer")
			}
		})})
	}
	play(t, Case{}, Hooks{Configure: func() int32 {
		return sdk.Configure(func(*sdk.Config) {
			if sdk.NewFloats("/n").Ask() != nil || sdk.Err() != sdk.ErrNotAllowed {
				t.Errorf("configure reads numbers: %v", sdk.Err())
			}
		})
	}})
}

func TestTextsReadSeveralTexts(t *testing.T) {
	long := strings.Repeat("long ", 2_000) // larger than the SDK's first buffer
	c := Case{Request: Request{Body: `{"model":"m","user":"u\n1","n":1}`, Headers: map[string]string{"X-Team": "blue", "X-Long": long[:8000], "Cookie": "c"}}}
	play(t, c, Hooks{OnRequest: hook(func() {
		var q sdk.Texts
		if _, ok := q.Get(0); ok || q.Why(0) != sdk.ErrAbsent {
			t.Error("a question that was not asked has an answer")
		}
		places := []int{
			q.Add(abi.PropertyModel), q.AddHeader("x-team"), q.AddText("/user"), q.AddHeader("X-Long"),
			q.AddHeader("x-none"), q.AddHeader("cookie"), q.AddText("/n"), q.AddHeader("no name"),
		}
		_, _ = sdk.Property(abi.PropertyMethod) // an odd number of bytes before the records
		for range 2 {
			if !q.Ask() {
				t.Fatalf("not answered: %v", sdk.Err())
			}
			for i, want := range []string{"m", "blue", "u\n1", long[:8000]} {
				if got, ok := q.Get(places[i]); !ok || got != want || q.Why(places[i]) != 0 {
					t.Errorf("text %d: %.20q, %v, want %.20q", i, got, ok, want)
				}
			}
			for i, want := range []error{sdk.ErrAbsent, sdk.ErrNotAllowed, sdk.ErrMalformed, sdk.ErrMalformed} {
				if _, ok := q.Get(places[4+i]); ok {
					t.Errorf("text %d is there", 4+i)
				}
				wantErr(t, "why", q.Why(places[4+i]), want)
			}
		}
		if _, ok := q.Get(-1); ok {
			t.Error("text -1 is there")
		}
		if _, ok := q.Get(len(places)); ok {
			t.Error("a text more than asked for is there")
		}
	})})
	play(t, Case{}, Hooks{Configure: func() int32 {
		return sdk.Configure(func(*sdk.Config) {
			var q sdk.Texts
			q.Add(abi.PropertyModel)
			if q.Ask() || sdk.Err() != sdk.ErrNotAllowed {
				t.Errorf("configure reads texts: %v", sdk.Err())
			}
		})
	}})
}
