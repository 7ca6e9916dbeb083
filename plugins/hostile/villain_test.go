package hostile

import (
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// TestAll: every file says what must happen, and can be made into bytes.
func TestAll(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 60 {
		t.Errorf("%d villains only", len(all))
	}
	for _, v := range all {
		module, err := v.Module()
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.HasPrefix(string(module), "\x00asm") {
			t.Errorf("%s is no module", v.Name)
		}
	}
}

func TestParse(t *testing.T) {
	v, err := Parse("a.wat", ";; One\n;; story.\n;;! on_route: trap ok\n;;! cpu: 3s\n;;! memory: 7MiB\n;;! grants: kv content\n(module)")
	if err != nil {
		t.Fatal(err)
	}
	if v.Story != "One story." || len(v.Outcomes[abi.OnRoute]) != 2 || v.CPU.Seconds() != 3 || v.Memory != 7<<20 || len(v.Grants) != 2 {
		t.Errorf("%+v", v)
	}
	for text, want := range map[string]string{
		";; S\n;;! on_root: ok\n":                 `a.wat:2: unknown directive "on_root"`,
		";; S\n;;! cpu: much\n":                   "a.wat:2: time: invalid duration",
		";; S\n(module)":                          "neither why",
		";; S\n;;! refused: x\n;;! on_done: ok\n": "or both",
		";;! refused: x\n":                        "does not say what it does",
	} {
		if _, err := Parse("a.wat", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want ... %s", text, err, want)
		}
	}
}

func TestBinary(t *testing.T) {
	for text, want := range map[string]string{
		";; c\n(module binary \"a\\00\" ;; (x)\n  \"\\ffb\")\n": "a\x00\xffb",
		"(module)": "",
	} {
		if got, ok, err := binary(text); err != nil || string(got) != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, %v", text, got, ok, err)
		}
	}
	for _, text := range []string{`(module binary "a`, `(module binary "\0")`, `(module binary "\zz")`} {
		if _, _, err := binary(text); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}
