// One image on a canvas: window and level, zoom and shift, planes of a volume, a mask over it. All of it happens here: the
// server is not told.

// Okabe and Ito's palette, as in every picture of the program; label 0 is the background.
const COLOURS = [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167]];
const WHOLE = { window: 255, level: 127.5, zoom: 1, x: 0, y: 0 };

export class Viewer {
  constructor(canvas) {
    this.canvas = canvas;
    this.view = { ...WHOLE };
    this.pointers = new Map();
    this.picture = null;
    this.mask = null;
    this.showMask = false;
    this.planes = 1; // a volume's lie one below the other in the picture
    this.plane = 0;
    this.onplane = () => {};
    this.paper = document.createElement("canvas");
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      // Fingers that pinch a touchpad come with Ctrl.
      if (this.planes > 1 && !event.ctrlKey) return this.scroll(event.deltaY);
      this.zoomAt(Math.exp(-event.deltaY / 500), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  // Every image starts alike, whatever was done to the one before; a volume in its middle.
  show(picture, mask, planes = 1) {
    this.picture = picture;
    this.mask = mask;
    this.showMask = false;
    this.planes = planes;
    this.scrolled = 0;
    this.view = { ...WHOLE };
    this.goTo(Math.floor(planes / 2));
  }

  goTo(plane) {
    this.plane = Math.min(this.planes - 1, Math.max(0, plane));
    this.draw();
    this.onplane(this.plane);
  }

  // A notch of a wheel is a plane; a touchpad's small steps add up to one.
  scroll(delta) {
    this.scrolled += delta;
    const planes = Math.trunc(this.scrolled / 50);
    if (planes === 0) return;
    this.scrolled = 0;
    this.goTo(this.plane + Math.sign(planes));
  }

  clear() {
    this.picture = null;
    this.draw();
  }

  reset() {
    this.view = { ...WHOLE };
    this.draw();
  }

  toggleMask() {
    this.showMask = !this.showMask && this.mask !== null;
    this.draw();
    return this.showMask;
  }

  adjust(window, level) {
    this.view.window = Math.min(510, Math.max(4, this.view.window + window));
    this.view.level = Math.min(255, Math.max(0, this.view.level + level));
    this.draw();
  }

  zoom(factor) {
    this.zoomAt(factor, this.canvas.clientWidth / 2, this.canvas.clientHeight / 2);
  }

  // Keeps the point below (x, y), CSS pixels of the canvas, where it is.
  zoomAt(factor, x, y) {
    const zoom = Math.min(16, Math.max(1, this.view.zoom * factor));
    const actual = zoom / this.view.zoom;
    const [cx, cy] = [x - this.canvas.clientWidth / 2, y - this.canvas.clientHeight / 2];
    this.view.x = cx - (cx - this.view.x) * actual;
    this.view.y = cy - (cy - this.view.y) * actual;
    this.view.zoom = zoom;
    if (zoom === 1) this.view.x = this.view.y = 0;
    this.draw();
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.offsetX, event.offsetY];
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    if (this.pointers.size === 2) {
      // Two fingers: what lies between them follows, and their distance zooms.
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (point) => Math.max(20, Math.hypot(point[0] - other[0], point[1] - other[1]));
      this.view.x += dx / 2;
      this.view.y += dy / 2;
      this.zoomAt(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (event.shiftKey || event.buttons === 4) {
      this.view.x += dx;
      this.view.y += dy;
      this.draw();
    } else {
      // To the right: wider window, less contrast. Down: lower level, brighter.
      this.adjust(dx, -dy / 2);
    }
    this.pointers.set(event.pointerId, now);
  }

  // The picture through window and level, the mask's outlines over it.
  developed() {
    const { width, pixels } = this.picture;
    const height = this.height();
    const first = this.plane * height * width;
    this.paper.width = width;
    this.paper.height = height;
    const context = this.paper.getContext("2d");
    const image = context.createImageData(width, height);
    const low = this.view.level - this.view.window / 2;
    const table = new Uint8ClampedArray(256).map((_, value) => (value - low) * 255 / this.view.window);
    for (let i = 0; i < image.data.length; i += 4) {
      for (let c = 0; c < 3; c++) image.data[i + c] = table[pixels[4 * first + i + c]];
      image.data[i + 3] = 255;
    }
    if (this.showMask) {
      const label = (x, y) => this.mask.pixels[4 * (first + y * width + x)];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const own = label(x, y);
          if (own === 0) continue;
          const edge = x === 0 || y === 0 || x === width - 1 || y === height - 1 ||
            label(x - 1, y) !== own || label(x + 1, y) !== own || label(x, y - 1) !== own || label(x, y + 1) !== own;
          if (edge) image.data.set(COLOURS[(own - 1) % COLOURS.length], 4 * (y * width + x));
        }
      }
    }
    context.putImageData(image, 0, 0);
    return this.paper;
  }

  // Of a plane.
  height() {
    return this.picture.height / this.planes;
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.canvas.clientWidth * ratio), Math.round(this.canvas.clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (!this.picture) return;
    const scale = Math.min(width / this.picture.width, height / this.height()) * 0.98 * this.view.zoom;
    const size = [this.picture.width * scale, this.height() * scale];
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    const left = (width - size[0]) / 2 + this.view.x * ratio;
    const top = (height - size[1]) / 2 + this.view.y * ratio;
    context.drawImage(this.developed(), left, top, size[0], size[1]);
  }
}

// Pixels of a PNG, RGBA.
export async function decode(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return { width: bitmap.width, height: bitmap.height, pixels: context.getImageData(0, 0, bitmap.width, bitmap.height).data };
}
