// Calls between agents over the simulated network. A frozen agent answers when it wakes, if anybody is
// still waiting; a dead one refuses at once; a lost message costs the caller its deadline.

import type { NodeName } from '../src/core/names.ts'
import type {
  ConfirmAnswer,
  ConfirmRequest,
  HelloAnswer,
  Peers,
  PeerService,
  SealAnswer,
  SealRequest,
} from '../src/ports/peers.ts'
import { PeerUnavailableError } from '../src/ports/peers.ts'
import type { Network, Place } from './network.ts'
import type { SimProcess, Simulator } from './simulator.ts'

/** The other end of a call. */
export type PeerTarget = {
  readonly place: Place
  /** Null while no agent runs there. */
  readonly agent: { readonly process: SimProcess; readonly service: PeerService } | null
  /** The machine is off: nobody even refuses. */
  readonly isMachineUp: boolean
}

export type PeersOptions = {
  readonly simulator: Simulator
  readonly network: Network
  readonly place: Place
  readonly process: SimProcess
  readonly trueMs: (durationMs: number) => number
  readonly targetOf: (node: NodeName) => PeerTarget
  /** Told of every answer to a seal, at the instant at which it leaves its node. */
  readonly onSealAnswered: (node: NodeName, request: SealRequest, answer: SealAnswer) => void
}

export class SimPeers implements Peers {
  readonly #options: PeersOptions

  constructor(options: PeersOptions) {
    this.#options = options
  }

  seal(node: NodeName, request: SealRequest, deadlineMs: number): Promise<SealAnswer> {
    return this.#call(node, deadlineMs, async (service) => {
      const answer = await service.onSeal(request)
      this.#options.onSealAnswered(node, request, answer)
      return answer
    })
  }

  confirm(node: NodeName, request: ConfirmRequest, deadlineMs: number): Promise<ConfirmAnswer> {
    return this.#call(node, deadlineMs, async (service) => service.onConfirm(request))
  }

  hello(node: NodeName, deadlineMs: number): Promise<HelloAnswer> {
    return this.#call(node, deadlineMs, async (service) => service.onHello())
  }

  #call<T>(
    node: NodeName,
    deadlineMs: number,
    invoke: (service: PeerService) => Promise<T>,
  ): Promise<T> {
    const { simulator, network, place, process, trueMs } = this.#options
    return new Promise<T>((resolve, reject) => {
      let isOver = false
      const fail = (why: string): void => {
        if (isOver) return
        isOver = true
        deadline.action = null
        reject(new PeerUnavailableError(`${node}: ${why}`))
      }
      const deadline = process.schedule(trueMs(deadlineMs), () => fail('no answer in time'))
      const back = (to: Place, action: () => void): void => {
        simulator.schedule(network.delayMs(to, place), () => {
          if (network.isOpen('peers', to, place) && !network.loses(to, place)) {
            process.schedule(0, action)
          }
        })
      }
      const target = this.#options.targetOf(node)
      simulator.schedule(network.delayMs(place, target.place), () => {
        if (!network.isOpen('peers', place, target.place) || network.loses(place, target.place))
          return
        const { agent, isMachineUp } = this.#options.targetOf(node)
        if (!isMachineUp) return
        if (agent === null || !agent.process.isAlive) {
          back(target.place, () => fail('connection refused'))
          return
        }
        agent.process.schedule(0, () => {
          invoke(agent.service).then(
            (answer) => {
              back(target.place, () => {
                if (isOver) return
                isOver = true
                deadline.action = null
                resolve(answer)
              })
            },
            (error: unknown) => back(target.place, () => fail(String(error))),
          )
        })
      })
    })
  }
}
