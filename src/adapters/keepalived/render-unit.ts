// What systemd is to do otherwise with the Keepalived of the package. Pure.

import type { ClusterLayout } from '../../core/cluster-layout.ts'

/**
 * A drop-in for Debian's unit, which does not start Keepalived again when all of it was killed: the address
 * would stay, and the other balancer take it too.
 * @throws RangeError when the layout has no VIP
 */
export function renderUnit({ cluster, vip }: ClusterLayout, networkInterface: string): string {
  if (vip === null) throw new RangeError(`the balancers of ${cluster} share no address`)
  const address = `${vip.address}/${String(vip.prefixLength)}`
  return [
    `# Written by pgherd for cluster ${cluster}. Changes are overwritten.`,
    '[Service]',
    'Restart=always',
    'RestartSec=1',
    '# Whoever was killed could not take the address away.',
    `ExecStopPost=-/usr/sbin/ip address del ${address} dev ${networkInterface}`,
    '',
  ].join('\n')
}
