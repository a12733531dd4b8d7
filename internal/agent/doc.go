// Package agent puts an agent together: it reads what the pod template says, follows the Secrets and the Lease, and
// runs the kind of server that the pod is for. The parts are in its sub-packages.
package agent
