// Whether a device can still be used: its first error, its loss, and every caller that waits for
// it. Dawn answers calls on a lost device as if they had worked, so every call goes through here.
import { DeviceLostError, GpuMemoryError, GpuValidationError, MEMORY_ADVICE } from "./errors.ts";
import type { GPUDevice, GPUDeviceLostReason } from "./webgpu_types.ts";

const UNKNOWN = { asked_bytes: null, free_bytes: null };

/** Whether a device works, for all its users. */
export interface DeviceState {
  /** The device; throws the first error that it reported, or DeviceLostError once it is lost. */
  readonly device: () => GPUDevice;
  /**
   * Throws the first error that the device reported; silent after `close`, which is not an error.
   */
  readonly check: () => void;
  /**
   * The result of `work` on the device. Rejects with the device's first error as soon as there is
   * one, because a lost device may never answer.
   */
  readonly unlessLost: <T>(work: Promise<T>) => Promise<T>;
  /** Resolves when the device is lost, but not when it is closed. */
  readonly lost: Promise<DeviceLostError>;
  readonly close: () => void;
}

/** Listens to a device for its whole life. */
export function watchDevice(device: GPUDevice): DeviceState {
  let failure: Error | null = null;
  let closed = false;
  const waiting = new Set<(error: Error) => void>();
  let tellLoss: (error: DeviceLostError) => void;
  const lost = new Promise<DeviceLostError>((resolve) => {
    tellLoss = resolve;
  });

  const rejectWaiting = (error: Error): void => {
    for (const reject of waiting) reject(error);
    waiting.clear();
  };
  const fail = (error: Error): void => {
    failure ??= error;
    rejectWaiting(failure);
  };
  const lose = (reason: GPUDeviceLostReason, message: string): void => {
    if (closed || failure instanceof DeviceLostError) return;
    const text = `device lost (${reason}): ${message}`;
    const error = new DeviceLostError(`${text}; a training run continues with --resume`, reason);
    failure = error; // also where an earlier error came first: that device is gone
    rejectWaiting(error);
    tellLoss(error);
  };

  device.addEventListener("uncapturederror", (event) => {
    event.preventDefault(); // otherwise Dawn prints to stdout, which --json output needs
    const { message, constructor } = event.error;
    fail(
      /memory/i.test(constructor.name)
        ? new GpuMemoryError(`the driver has no more memory: ${message}; ${MEMORY_ADVICE}`, UNKNOWN)
        : new GpuValidationError(message),
    );
  });
  void device.lost.then(({ reason, message }) => lose(reason, message));
  // `lost` resolves one event-loop turn after destroy(); calls in between would appear to work.
  const destroy = device.destroy.bind(device);
  device.destroy = () => {
    lose("destroyed", "device was destroyed");
    return destroy();
  };

  const check = (): void => {
    if (failure !== null) throw failure;
  };
  const checkOpen = (): void => {
    if (closed) throw new DeviceLostError("the device was closed and cannot be used", "closed");
    check();
  };
  return {
    lost,
    check,
    device: () => {
      checkOpen();
      return device;
    },
    unlessLost: async (work) => {
      work.catch(() => {}); // it may fail when no caller waits for it any more
      checkOpen();
      let stop: (error: Error) => void = () => {};
      const failing = new Promise<never>((_, reject) => {
        stop = reject;
      });
      waiting.add(stop);
      try {
        const result = await Promise.race([work, failing]);
        checkOpen();
        return result;
      } catch (error) {
        // The driver rejects pending work before it reports the reason.
        await new Promise((resolve) => setTimeout(resolve));
        checkOpen();
        throw error;
      } finally {
        waiting.delete(stop);
      }
    },
    close: () => {
      if (closed) return;
      closed = true;
      rejectWaiting(new DeviceLostError("the device was closed while it was at work", "closed"));
      destroy();
    },
  };
}
