package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// memory is a flag for an amount of memory, in bytes. 0 stands for none given.
type memory int64

func (m *memory) String() string {
	if *m == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*m), 10)
}

// Set reads 2147483648, 2048MiB or 2GiB.
func (m *memory) Set(text string) error {
	digits, shift := text, 0
	for unit, s := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			digits, shift = rest, s
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return errors.New("want a number of bytes, or one with KiB, MiB or GiB behind it")
	}
	const most = 1 << 50
	if n < 1 || n > most>>shift {
		return fmt.Errorf("%s is no amount of memory to work with", text)
	}
	*m = memory(n << shift)
	return nil
}
