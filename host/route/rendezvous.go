package route

import "math/bits"

// placeOf is how well a service suits a key: the one with the largest place
// takes it. It is the same on every machine, to the last bit: math.Log, which
// compilers may fuse with what follows, is not.
func placeOf(key, name uint64, share int64) float64 {
	return float64(share) / float64(minusLog(mix(key^name)))
}

// mix makes of similar numbers ones that have nothing in common: the finalizer
// of splitmix64.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// Fixed point of minusLog and of its table: bits behind the point, and of the
// number that find a place in the table.
const (
	point = 40
	steps = 8
)

// logs are log2(1 + i/256), 0 to 1.
var logs = func() (table [1<<steps + 1]uint64) {
	for i := range 1 << steps {
		x := uint64(1<<steps+i) << (63 - steps) // 1 to 2, 63 bits behind the point
		for range point {
			hi, lo := bits.Mul64(x, x)
			table[i] <<= 1
			if hi>>63 == 1 { // the square is 2 or more: the next bit of the logarithm is 1
				table[i]++
				x = hi
			} else {
				x = hi<<1 | lo>>63
			}
		}
	}
	table[1<<steps] = 1 << point
	return table
}()

// minusLog returns -log2(u/2^64), above 0 to 64, point bits behind the point and
// some 5e-6 exact: enough to share keys out by. It never grows with u.
func minusLog(u uint64) uint64 {
	zeros := bits.LeadingZeros64(u | 1)
	m := u << zeros << 1 // behind the leading one
	at := m >> (64 - steps)
	const part = 31
	rest := m << steps >> (64 - part)
	log := logs[at] + (logs[at+1]-logs[at])*rest>>part
	return uint64(1+zeros)<<point - log
}
