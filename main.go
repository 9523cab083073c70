// Command insforge is a whole backend in one executable.
package main

import (
	"os"

	"github.com/insforge/insforge-go/app/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
