package sdk

// Match reports whether name fits pattern: the very name, or a prefix of it
// when the pattern ends in "*". Model patterns in router.toml read the same.
func Match(pattern, name string) bool {
	if n := len(pattern) - 1; n >= 0 && pattern[n] == '*' {
		return len(name) >= n && name[:n] == pattern[:n]
	}
	return pattern == name
}

// MatchAny reports whether name fits one of the patterns.
func MatchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if Match(p, name) {
			return true
		}
	}
	return false
}
