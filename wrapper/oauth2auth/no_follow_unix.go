//go:build unix

package oauth2auth

import "syscall"

// noFollow has open fail on a symbolic link that took the file's place a moment ago.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
