package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

func parseDuration(s string, least time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%q is not a duration such as "30s", "500ms" or "1h30m"`, s)
	case d < 0:
		return 0, fmt.Errorf("%q is negative", s)
	case d < least:
		return 0, fmt.Errorf("%q is too short: at least %s", s, SpellDuration(least))
	}
	return d, nil
}

// SpellDuration writes a duration as router.toml does, without the zero
// units of Duration.String.
func SpellDuration(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// sizeUnits are the units of a size, largest first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func parseSize(s string, within span) (int64, error) {
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(s, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(digits, " "), 10, 63)
		if err != nil {
			break
		}
		if int64(n) > math.MaxInt64/unit.bytes || int64(n)*unit.bytes < within.least || int64(n)*unit.bytes > within.most {
			return 0, fmt.Errorf("%q is out of range: %s to %s", s, spellSize(within.least), spellSize(within.most))
		}
		return int64(n) * unit.bytes, nil
	}
	return 0, fmt.Errorf(`%q is not a size such as "512B", "64KiB", "32MiB" or "1GiB"`, s)
}

func spellSize(n int64) string {
	for _, unit := range sizeUnits {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return strconv.FormatInt(n/unit.bytes, 10) + unit.name
		}
	}
	return "0B"
}

func spellList(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = strconv.Quote(item)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// expand puts in the environment variables that s names as ${NAME}; $${ stands
// for a plain ${. Its errors name variables, never values.
func expand(s string, env func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			b.WriteString(s)
			return b.String(), nil
		}
		if literal, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(literal + "${")
			s = rest
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", errors.New("${ without a closing }; write $${ for a plain ${")
		}
		if !isVariable(name) {
			return "", errors.New("between ${ and } goes the name of an environment variable: letters, digits and _")
		}
		value, ok := env(name)
		switch {
		case !ok:
			return "", fmt.Errorf("environment variable %s is not set", name)
		case value == "":
			return "", fmt.Errorf("environment variable %s is empty", name)
		}
		b.WriteString(before + value)
		s = after
	}
}

func isVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !isBare(c) || c == '-' || i == 0 && '0' <= c && c <= '9' {
			return false
		}
	}
	return name != ""
}
