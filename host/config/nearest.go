package config

import "strings"

// nearest returns the word among words that name was most likely meant to be,
// or "" when none is near: more than a third of its letters differ, and more
// than two.
func nearest(name string, words []string) string {
	best, bestDistance := "", max(2, len(name)/3)+1
	for _, w := range words {
		if d := distance(strings.ToLower(name), strings.ToLower(w)); d < bestDistance && d < max(len(name), len(w)) {
			best, bestDistance = w, d
		}
	}
	return best
}

// distance counts the single-byte insertions, deletions, replacements and
// swaps of neighbours that turn a into b. Long names are not worth a table.
func distance(a, b string) int {
	const longest = 128
	if a == b {
		return 0
	}
	if len(a) > longest || len(b) > longest {
		return longest
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	next := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			replace := 1
			if a[i-1] == b[j-1] {
				replace = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
