//go:build !purego

#include "textflag.h"

// func longPlain(p *byte, n int) (stop int, ascii bool)
TEXT ·longPlain(SB), NOSPLIT, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	XORQ AX, AX

	MOVQ $0x2222222222222222, DX // quotes
	VMOVQ DX, X1
	VPBROADCASTQ X1, Y1
	MOVQ $0x5c5c5c5c5c5c5c5c, DX // backslashes
	VMOVQ DX, X2
	VPBROADCASTQ X2, Y2
	MOVQ $0x1f1f1f1f1f1f1f1f, DX // the largest control characters
	VMOVQ DX, X3
	VPBROADCASTQ X3, Y3
	VPXOR Y4, Y4, Y4 // all bytes so far, by or

block:
	CMPQ AX, CX
	JGE  done
	VMOVDQU (SI)(AX*1), Y0
	VPOR Y0, Y4, Y4
	VPCMPEQB Y0, Y1, Y5
	VPCMPEQB Y0, Y2, Y6
	VPMINUB Y0, Y3, Y7
	VPCMPEQB Y0, Y7, Y7
	VPOR Y5, Y6, Y6
	VPOR Y6, Y7, Y7
	VPMOVMSKB Y7, BX
	TESTL BX, BX
	JNZ  found
	ADDQ $32, AX
	JMP  block

found:
	BSFL BX, BX
	ADDQ BX, AX

done:
	VPMOVMSKB Y4, DX
	VZEROUPPER
	MOVQ AX, stop+16(FP)
	TESTL DX, DX
	SETEQ ascii+24(FP)
	RET
