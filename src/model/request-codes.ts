/**
 * Result codes of service requests with their texts; the exit status of clusvcadm is the code's low
 * byte, except that "already running" exits 0.
 * Source: rgmanager include/resgroup.h, clulib/rg_strings.c.
 */

export type RequestCode =
  | 0
  | -1
  | -2
  | -3
  | -4
  | -5
  | -6
  | -7
  | -8
  | -9
  | -10
  | -11
  | -12
  | -13
  | -14
  | -15
  | -16
  | -17
  | -18
  | -19;
