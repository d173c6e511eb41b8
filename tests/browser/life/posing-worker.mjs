import './posing.mjs'
import '/hybridge/dist/worker.js'
