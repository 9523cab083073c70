package app

import "testing"

func TestTheMemoryLimitFitsTheMachine(t *testing.T) {
	t.Parallel()
	for machine, want := range map[int64]int64{0: 256 << 20, 512 << 20: 256 << 20, 1 << 30: 256 << 20, 4 << 30: 1 << 30, 64 << 30: 16 << 30} {
		if got := memoryLimit(machine); got != want {
			t.Errorf("of %d MB: got %d MB, want %d MB", machine>>20, got>>20, want>>20)
		}
	}
}
