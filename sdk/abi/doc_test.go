package abi

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../ABI.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func types(list []Type) string {
	names := map[Type]string{I32: "i32", I64: "i64", F64: "f64"}
	var out []string
	for _, t := range list {
		out = append(out, names[t])
	}
	return strings.Join(out, ", ")
}

// The manual has every function with its signature, and no other.
func TestTheManualListsTheFunctions(t *testing.T) {
	text := manual(t)
	rows := regexp.MustCompile("(?m)^\\| `([a-z_]+)\\(([^)]*)\\)` \\| `([^`]+)` \\|").FindAllStringSubmatch(text, -1)
	found := map[string][]string{}
	for _, r := range rows {
		found[r[1]] = r
	}
	for _, f := range Functions {
		want := "(" + types(f.Params) + ")"
		if len(f.Results) > 0 {
			want += " -> " + types(f.Results)
		}
		row, ok := found[f.Name]
		if !ok {
			t.Errorf("%s is not in the manual", f.Name)
			continue
		}
		if row[3] != want {
			t.Errorf("%s: the manual says %s, want %s", f.Name, row[3], want)
		}
		params := 0
		for _, p := range strings.Split(row[2], ", ") {
			switch {
			case strings.HasSuffix(p, ".."):
				params += 2
			case p != "":
				params++
			}
		}
		if params != len(f.Params) {
			t.Errorf("%s(%s): %d parameters, want %d", f.Name, row[2], params, len(f.Params))
		}
	}
	if len(found) != len(Functions) {
		t.Errorf("the manual lists %d functions, want %d", len(found), len(Functions))
	}
}

func TestTheManualListsTheHooksAndCodes(t *testing.T) {
	text := manual(t)
	for h := range Hook(HookCount) {
		if !strings.Contains(text, "| `"+h.String()+"` | ") {
			t.Errorf("hook %s has no row", h)
		}
		if bit := strconv.Itoa(1<<h) + " `" + h.String() + "`"; !strings.Contains(text, bit) {
			t.Errorf("interest_set does not tell bit %s", bit)
		}
		if back, ok := HookByName(h.String()); !ok || back != h {
			t.Errorf("HookByName(%s) = %v, %v", h, back, ok)
		}
	}
	if _, ok := HookByName("on_nothing"); ok || Hook(HookCount).String() != "unknown hook" {
		t.Error("there is a hook that there is not")
	}
	for code, name := range map[int32]string{Absent: "absent", Malformed: "malformed", NotAllowed: "not allowed", TooLarge: "too large"} {
		if row := "| " + strconv.Itoa(int(code)) + " | " + name + " |"; !strings.Contains(text, row) {
			t.Errorf("no row %q", row)
		}
	}
	for name := range GrantNames {
		if !strings.Contains(text, "| `"+name+"` | ") {
			t.Errorf("grant %s has no row", name)
		}
	}
}

// Keys are numbered without a gap, and the last of each is in the manual.
func TestTheManualListsTheKeys(t *testing.T) {
	text := manual(t)
	for key, name := range map[string]string{
		"| 1 | ": "method", "| 4 | ": "model", "| 8 | ": "request_id", "| 12 | ": "endpoint",
	} {
		if !strings.Contains(text, key+name+" | ") {
			t.Errorf("no row %s%s", key, name)
		}
	}
	section := func(from, to string) string {
		_, rest, _ := strings.Cut(text, from)
		part, _, _ := strings.Cut(rest, to)
		return part
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|`)
	for _, c := range []struct {
		from, to string
		want     int
	}{
		{"for `property_get`:", "for `number_get`:", int(PropertyLast)},
		{"for `number_get`:", "for `candidate_get`:", int(NumberLast)},
		{"for `candidate_number`;", "## Limits", int(CandidateErrorRate)},
	} {
		got := rows.FindAllStringSubmatch(section(c.from, c.to), -1)
		if len(got) != c.want {
			t.Errorf("after %q: %d keys, want %d", c.from, len(got), c.want)
		}
		for i, r := range got {
			if r[1] != strconv.Itoa(i+1) {
				t.Errorf("after %q: key %s, want %d", c.from, r[1], i+1)
			}
		}
	}
}

func TestMaxAction(t *testing.T) {
	for h, want := range map[Hook]Action{OnRequest: Replied, OnRoute: Continue, OnResponse: Replied, OnEvent: End, OnDone: Continue} {
		if got := MaxAction(h); got != want {
			t.Errorf("MaxAction(%s) = %d, want %d", h, got, want)
		}
	}
}
