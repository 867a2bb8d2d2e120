package restart

import "syscall"

// groupOfItsOwn keeps signals from the terminal away from an heir: when it ends is for
// the process that started it to say.
func groupOfItsOwn() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
