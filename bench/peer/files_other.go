//go:build !unix

package peer

func maxFiles() int { return 1 << 16 }
