// Command sightline-proxy is the sidecar: it stands beside one app and carries its
// requests.
package main

import (
	"fmt"
	"os"
)

// version is set when the program is built.
var version = "dev"

const usage = `usage:
  sightline-proxy run --service NAME [flags] [-- app args…]
  sightline-proxy restart --dir DIR [run's flags…]
  sightline-proxy init --uid USER [flags]
  sightline-proxy version

run starts a sidecar and, once it is ready, the app; it ends when the app does, with
the app's exit status. See sightline-proxy run --help.

restart has a running sidecar replaced by this program, with flags that are added to
those it runs with; no request is lost, and the app runs on. DIR is the sidecar's state
directory.

init makes the kernel redirect an app's connections to its sidecar, as root. See
sightline-proxy init --help.`

func main() {
	status, err := start(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sightline-proxy:", err)
		os.Exit(max(status, 1))
	}
	os.Exit(status)
}

func start(args []string) (status int, err error) {
	if len(args) == 0 {
		return 2, fmt.Errorf("no command\n%s", usage)
	}
	switch args[0] {
	case "run":
		return workload(args[1:])
	case "restart":
		return restartSidecar(args[1:])
	case "init":
		return redirect(args[1:])
	case "version", "--version":
		fmt.Println(version)
		return 0, nil
	case "help", "-h", "--help":
		fmt.Println(usage)
		return 0, nil
	}
	return 2, fmt.Errorf("no command %q\n%s", args[0], usage)
}
