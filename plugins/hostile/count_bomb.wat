;; A section that announces 2^32 - 1 types and has none: whoever allocates by the count
;; takes a hundred gigabytes.
;;! refused: too many types
(module binary
  "\00asm" "\01\00\00\00"
  "\01\05\ff\ff\ff\ff\0f")
