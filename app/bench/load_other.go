//go:build !linux

package main

import (
	"errors"
	"time"
)

func load(string, int, time.Duration, [][]byte) (result, error) {
	return result{}, errors.New("the load generator needs Linux")
}
