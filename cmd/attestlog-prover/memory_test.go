package main

import "testing"

func TestMemory(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "2147483648": 2 << 30, "1KiB": 1 << 10, "2048MiB": 2 << 30, "2GiB": 2 << 30, "1048576GiB": 1 << 50} {
		var m memory
		if err := m.Set(text); err != nil || int64(m) != want {
			t.Errorf("%q: %d, %v, want %d", text, m, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "GiB", "2 GiB", "2GB", "1.5GiB", "1048577GiB", "9999999999999999999"} {
		var m memory
		if err := m.Set(text); err == nil || m != 0 {
			t.Errorf("%q is taken for %d", text, m)
		}
	}
}
