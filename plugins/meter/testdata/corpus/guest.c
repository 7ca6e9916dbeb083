// A guest without a library, for what C compilers make of loops, switches,
// function pointers, floats, copies and recursion.
typedef unsigned int u32;
typedef unsigned long long u64;

// What the compiler calls where the target has no instructions for it.
__attribute__((no_builtin("memcpy"))) void *memcpy(void *to, const void *from, __SIZE_TYPE__ n) {
	for (__SIZE_TYPE__ i = 0; i < n; i++) ((char *)to)[i] = ((const char *)from)[i];
	return to;
}
__attribute__((no_builtin("memset"))) void *memset(void *to, int c, __SIZE_TYPE__ n) {
	for (__SIZE_TYPE__ i = 0; i < n; i++) ((char *)to)[i] = (char)c;
	return to;
}

#define EXPORT(name) __attribute__((export_name(name)))
#define N 64

static u32 seed;
static u32 next(void) { return seed = seed * 1664525u + 1013904223u; }

static u32 words[4 * N];
static float left[N], right[N], product[N];
static char text[1024], copy[1024];

static void sort(u32 *a, int n) {
	for (int gap = n / 2; gap > 0; gap /= 2)
		for (int i = gap; i < n; i++) {
			u32 v = a[i];
			int j = i;
			for (; j >= gap && a[j - gap] > v; j -= gap) a[j] = a[j - gap];
			a[j] = v;
		}
}

static u32 ackermann(u32 m, u32 n) {
	if (m == 0) return n + 1;
	return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static u32 add(u32 a, u32 b) { return a + b; }
static u32 mul(u32 a, u32 b) { return a * b; }
static u32 shift(u32 a, u32 b) { return a << (b & 31); }
static u32 (*const table[])(u32, u32) = {add, mul, shift};

static u32 interpret(u32 steps) {
	u32 acc = 1;
	while (steps--) {
		u32 v = next() >> 20;
		switch (v % 9) {
		case 0: acc += v; break;
		case 1: acc ^= v << 3; break;
		case 2: acc = acc * 31 + v; // falls through
		case 3: acc -= v; break;
		case 4: if (acc & 1) continue; acc >>= 1; break;
		case 5: acc = table[v % 3](acc, v); break;
		case 6: acc = (u32)(((u64)acc * v) % 1000003u); break;
		case 7: if (v == 7) return acc; break;
		default: acc = ~acc;
		}
	}
	return acc;
}

static u32 matrix(void) {
	for (int i = 0; i < N; i++) left[i] = (float)(next() >> 24) / 3, right[i] = (float)(next() >> 24) - 100;
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++) {
			float sum = 0;
			for (int k = 0; k < 8; k++) sum += left[8 * i + k] * right[8 * k + j];
			product[8 * i + j] = sum;
		}
	double total = 0;
	for (int i = 0; i < N; i++) total += product[i] > 0 ? product[i] : -product[i] / 2;
	return (u32)(int)total;
}

static u32 bytes(u32 n) {
	for (u32 i = 0; i < n; i++) text[i] = (char)('a' + next() % 26);
	__builtin_memcpy(copy, text, sizeof text);
	__builtin_memset(text + n / 2, '#', 16);
	u32 h = 2166136261u;
	for (u32 i = 0; i < sizeof text; i++) h = (h ^ (unsigned char)(text[i] + copy[i])) * 16777619u;
	return h;
}

EXPORT("sorted") u32 sorted(u32 n) {
	seed = n;
	for (int i = 0; i < 4 * N; i++) words[i] = next();
	sort(words, 4 * N);
	u32 h = 0;
	for (int i = 0; i < 4 * N; i++) h = h * 33 + words[i];
	return h;
}
EXPORT("ackermann") u32 run_ackermann(u32 n) { return ackermann(2, n); }
EXPORT("interpret") u32 run_interpret(u32 n) { seed = n; return interpret(1000); }
EXPORT("matrix") u32 run_matrix(u32 n) { seed = n; return matrix(); }
EXPORT("bytes") u32 run_bytes(u32 n) { seed = n; return bytes(n & 511); }
EXPORT("trap") u32 trap(u32 n) { return 100 / (n - 3); }
EXPORT("wild") u32 wild(u32 n) { return *(volatile u32 *)(n << 20); }
