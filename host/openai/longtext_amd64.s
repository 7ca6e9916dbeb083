//go:build !purego

#include "textflag.h"

DATA constants<>+0(SB)/8, $0x2222222222222222 // quotes
DATA constants<>+8(SB)/8, $0x5c5c5c5c5c5c5c5c // backslashes
DATA constants<>+16(SB)/8, $0x1f1f1f1f1f1f1f1f // the largest control characters
DATA constants<>+24(SB)/8, $0x0f0f0f0f0f0f0f0f

// What may follow a backslash, but for u: bit n of the entry for the low four bits
// of a byte is set where its high four bits are the nth of 2, 5, 6 and 7.
DATA constants<>+32(SB)/8, $0x00040008000d0000 // 2: '"' b r, 4: t, 6: f
DATA constants<>+40(SB)/8, $0x0104000200000000 // c: '\', e: n, f: '/'
DATA constants<>+48(SB)/8, $0x0804020000010000
DATA constants<>+56(SB)/8, $0
GLOBL constants<>(SB), RODATA|NOPTR, $64

// MASK has a bit for each byte of lo and hi: its top one.
#define MASK(lo, hi, to) \
	VPMOVMSKB lo, to \
	VPMOVMSKB hi, DX \
	SHLQ $32, DX \
	ORQ DX, to

// func longText(p *byte, n int) (stop int, ascii bool)
TEXT ·longText(SB), NOSPLIT, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	XORQ AX, AX // where the block begins
	XORQ R8, R8 // 1: its first byte belongs to a backslash before it
	VPBROADCASTQ constants<>+0(SB), Y1
	VPBROADCASTQ constants<>+8(SB), Y2
	VPBROADCASTQ constants<>+16(SB), Y3
	VPXOR Y4, Y4, Y4 // all bytes of the blocks so far, by or

block:
	CMPQ AX, CX
	JGE  done
	PREFETCHT0 4096(SI)(AX*1) // the processor's own prefetching ends with each page
	VMOVDQU (SI)(AX*1), Y5
	VMOVDQU 32(SI)(AX*1), Y6
	VPCMPEQB Y5, Y2, Y7
	VPCMPEQB Y6, Y2, Y8
	VPMINUB Y5, Y3, Y9
	VPMINUB Y6, Y3, Y10
	VPCMPEQB Y5, Y9, Y9
	VPCMPEQB Y6, Y10, Y10
	VPCMPEQB Y5, Y1, Y11
	VPCMPEQB Y6, Y1, Y12
	VPOR Y9, Y11, Y9
	VPOR Y10, Y12, Y10
	VPOR Y7, Y8, Y11
	VPOR Y9, Y10, Y12
	VPOR Y11, Y12, Y11
	VPMOVMSKB Y11, DX
	ORQ  R8, DX
	JNZ  look

passed:
	VPOR Y5, Y4, Y4
	VPOR Y6, Y4, Y4
	ADDQ $64, AX
	JMP  block

look:
	MASK(Y7, Y8, R10)  // backslashes
	MASK(Y9, Y10, R11) // quotes and control characters
	XORQ R12, R12      // bytes that belong to a backslash
	MOVQ R10, DX
	ORQ  R8, DX
	JZ   stops

	// Runs of backslashes: every second one, and what follows an odd number, belongs
	// to the one before. Where a run begins at an even place, adding its first bit to
	// it clears it, which tells the runs apart.
	MOVQ R8, DX
	NOTQ DX
	ANDQ DX, R10 // one that is escaped itself begins no run
	LEAQ (R10)(R10*1), DX
	NOTQ DX
	ANDQ R10, DX // the first of each run
	MOVQ $0x5555555555555555, DI
	ANDQ DI, DX
	ADDQ R10, DX
	MOVQ R10, R9
	ANDQ DX, R9 // runs from odd places
	NOTQ DX
	ANDQ DX, R10 // runs from even places
	ADDQ R10, R10
	MOVQ DI, DX
	NOTQ DX
	ANDQ DX, R10
	MOVQ R8, R12
	MOVQ R9, R8
	SHRQ $63, R8 // the next block's R8
	ADDQ R9, R9
	ANDQ DI, R9
	ORQ  R9, R12
	ORQ  R10, R12

	VPBROADCASTQ constants<>+24(SB), Y0
	VPSRLW $4, Y5, Y7
	VPSRLW $4, Y6, Y8
	VPAND Y0, Y7, Y7
	VPAND Y0, Y8, Y8
	VPAND Y0, Y5, Y9
	VPAND Y0, Y6, Y10
	VBROADCASTI128 constants<>+48(SB), Y11
	VBROADCASTI128 constants<>+32(SB), Y12
	VPSHUFB Y7, Y11, Y7
	VPSHUFB Y8, Y11, Y8
	VPSHUFB Y9, Y12, Y9
	VPSHUFB Y10, Y12, Y10
	VPAND Y7, Y9, Y7
	VPAND Y8, Y10, Y8
	VPXOR Y9, Y9, Y9
	VPCMPEQB Y7, Y9, Y7
	VPCMPEQB Y8, Y9, Y8
	MASK(Y7, Y8, R10) // what must not follow a backslash, or is u
	ANDQ R12, R10
	MOVQ R12, DX
	NOTQ DX
	ANDQ DX, R11
	ORQ  R10, R11
	JZ   passed

stops:
	BSFQ R11, BX
	MASK(Y5, Y6, R9) // not ASCII
	MOVQ R11, DX
	NEGQ DX
	ANDQ R11, DX
	DECQ DX // all before the stop
	ANDQ DX, R9
	ADDQ BX, AX
	MOVQ BX, CX
	SHRQ CX, R12
	ANDQ $1, R12
	SUBQ R12, AX // back to the backslash
	JMP  result

done:
	SUBQ R8, AX
	XORQ R9, R9

result:
	VPMOVMSKB Y4, DX
	VZEROUPPER
	ORQ  DX, R9
	MOVQ AX, stop+16(FP)
	SETEQ ascii+24(FP)
	RET
